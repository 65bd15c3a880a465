// Verify what a plant or hub signed, with Node.js alone: the signer's public key, the message on stdin.
//   sidestream released --plain | head -1 | node verify.mjs record ssplant1_…
//   mosquitto_sub -C 1 … -t sidestream/v1/ora/roster | node verify.mjs roster sshub1_…
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
const [what, text] = process.argv.slice(2);
const x = Buffer.from(text.split("_").slice(1).join("_"), "base64url").subarray(0, 32).toString("base64url");
const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
const canonical = (v) => Array.isArray(v) ? `[${v.map(canonical)}]` : v === null || typeof v !== "object" ? JSON.stringify(v)
  : `{${Object.keys(v).sort().map((name) => `${JSON.stringify(name)}:${canonical(v[name])}`)}}`; // RFC 8785
const { signature, ...content } = JSON.parse(readFileSync(0, "utf8"));
const good = verify(null, Buffer.from(`sidestream ${what} v1\n${canonical(content)}`), key, Buffer.from(signature, "base64"));
console.log(good ? "good" : "not signed by this key");
process.exit(good ? 0 : 1);
