export const view = ({ count }) => `
  <h1>Hello from a sandbox</h1>
  <p>Press the button, then change this text: the count stays.</p>
  <button>${count} clicks</button>
`;
