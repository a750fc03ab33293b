"""What the module ``workers`` exports, over the native requests, responses and calls."""
