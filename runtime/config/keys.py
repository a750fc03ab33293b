"""wrangler's keys, sorted by what perdure does with them.

Source: packages/workers-utils/src/config/validation.ts of cloudflare/workers-sdk, whose
``inheritable`` and ``notInheritable`` calls are the first two lists here.
"""

from .unserved import KINDS as UNSERVED

USED_INHERITED = (
    "name",
    "main",
    "compatibility_date",
    "compatibility_flags",
    "migrations",
    "exports",
    "triggers",
    "assets",
)
USED_NOT_INHERITED = ("vars", "durable_objects", "services", "secrets")
USED_TOP_LEVEL = ("$schema", "dev", "env")
OURS = "perdure"  # an environment's table is laid over the top level's, key by key

# Settings of ours that keep somebody out. Written elsewhere than under [perdure] they would not,
# and a warning is too little for that.
GUARDS = ("firewall", "allowed_origins", "trusted_proxies")

# Accepted without a word: they steer Cloudflare's network, its build or its tools, and a
# program that runs here lacks nothing without them.
IGNORED = (
    "access", "account_id", "base_dir", "build", "cache", "compliance_region",
    "find_additional_modules", "first_party_worker", "jsx_factory", "jsx_fragment", "keep_names",
    "limits", "logfwdr", "logpush", "minify", "no_bundle", "observability", "placement",
    "preserve_file_names", "preview_urls", "previews", "python_modules", "route", "routes",
    "rules", "tsconfig", "upload_source_maps", "workers_dev", "define", "tail_consumers",
    "streaming_tail_consumers", "unsafe", "connect",
)  # fmt: skip
IGNORED_TOP_LEVEL = (
    "addresses", "alias", "data_blobs", "dependencies_instrumentation", "keep_vars",
    "pages_build_output_dir", "send_metrics", "site", "text_blobs", "wasm_modules",
)  # fmt: skip

# Known, and missed by the program when they are not there: each is worth a warning. Those that make
# bindings are told of by unserved.py.
NOT_PROVIDED = ("cloudchamber", "containers")

# What an environment has to repeat.
NOT_INHERITED = (
    *USED_NOT_INHERITED, "cloudchamber", "containers", "define", "streaming_tail_consumers",
    "tail_consumers", "unsafe", *UNSERVED,
)  # fmt: skip

ENVIRONMENT = (*USED_INHERITED, *USED_NOT_INHERITED, OURS, *IGNORED, *NOT_PROVIDED, *UNSERVED)
TOP_LEVEL = (*ENVIRONMENT, *USED_TOP_LEVEL, *IGNORED_TOP_LEVEL)
