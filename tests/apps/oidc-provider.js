// An OpenID provider with one user, who is logged in: what an OAuth client needs to log somebody in, with RS256 and PKCE.
// Arguments: PORT. Codes are good for one exchange; whatever does not fit is refused.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const client = { id: "greengate", secret: "a-secret-of-the-tests" };
const keys = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
const codes = new Map();
const refreshable = new Set();

const base64 = (text) => Buffer.from(text).toString("base64url");
const random = () => crypto.randomBytes(16).toString("base64url");

function idToken(nonce) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: "1", aud: client.id, iat: now, exp: now + 3600, nonce };
  const user = { email: "anna@example.com", email_verified: true, preferred_username: "anna", groups: ["staff"] };
  const signed = `${base64(JSON.stringify({ alg: "RS256", kid: "1" }))}.${base64(JSON.stringify({ ...claims, ...user }))}`;
  return `${signed}.${crypto.sign("RSA-SHA256", Buffer.from(signed), keys.privateKey).toString("base64url")}`;
}

function authorize(url, response) {
  const asked = Object.fromEntries(url.searchParams);
  if (asked.client_id !== client.id || asked.response_type !== "code" || asked.code_challenge_method !== "S256") {
    return refuse(response, "unauthorized_client");
  }
  const code = random();
  codes.set(code, asked);
  const back = new URL(asked.redirect_uri);
  back.searchParams.set("code", code);
  back.searchParams.set("state", asked.state);
  response.writeHead(302, { Location: back.href }).end();
}

async function token(request, response) {
  let body = "";
  for await (const piece of request) body += piece;
  const form = Object.fromEntries(new URLSearchParams(body));
  const basic = (request.headers.authorization || "").replace("Basic ", "");
  const [id, secret] = basic ? Buffer.from(basic, "base64").toString().split(":") : [form.client_id, form.client_secret];
  if (id !== client.id || secret !== client.secret) return refuse(response, "invalid_client");
  let nonce;
  if (form.grant_type === "authorization_code") {
    const asked = codes.get(form.code);
    codes.delete(form.code);
    const challenge = crypto.createHash("sha256").update(form.code_verifier || "").digest("base64url");
    if (!asked || asked.redirect_uri !== form.redirect_uri || asked.code_challenge !== challenge) {
      return refuse(response, "invalid_grant");
    }
    nonce = asked.nonce;
  } else if (!refreshable.delete(form.refresh_token)) {
    return refuse(response, "invalid_grant");
  }
  const refresh_token = random();
  refreshable.add(refresh_token);
  const tokens = { access_token: random(), token_type: "Bearer", expires_in: 3600, refresh_token, id_token: idToken(nonce) };
  json(response, 200, tokens);
}

function json(response, status, value) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

function refuse(response, error) {
  json(response, 400, { error });
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, issuer);
  switch (url.pathname) {
    case "/.well-known/openid-configuration":
      return json(response, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ["code"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
        code_challenge_methods_supported: ["S256"],
      });
    case "/keys": {
      const key = keys.publicKey.export({ format: "jwk" });
      return json(response, 200, { keys: [{ ...key, kid: "1", alg: "RS256", use: "sig" }] });
    }
    case "/authorize":
      return authorize(url, response);
    case "/token":
      return token(request, response);
    default:
      return json(response, 404, {});
  }
});
server.listen(port, "127.0.0.1");
