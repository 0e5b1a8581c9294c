// As a team has it whose dev server stands behind a front door: the host is allowed, and `server.hmr` is left alone, so that
// the page opens its WebSocket at the host and port that it was loaded from.
export default {
  server: { allowedHosts: ["dev.example.test"] },
};
