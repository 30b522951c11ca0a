// An OpenID Connect provider on loopback, for the tests: `node server.mjs MODULES PORT REDIRECT`. A person is who their login
// says; with "unverified" in it, the provider does not vouch for the address.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, port, redirect] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "nightjar", client_secret: "between us", redirect_uris: [redirect] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "gender", "birthdate"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  async findAccount(_, sub) {
    const email_verified = !sub.includes("unverified");
    return { accountId: sub, claims: async () => ({ sub, email: `${sub}@example.org`, email_verified, name: "Zoe", gender: "f" }) };
  },
});
provider.listen(Number(port), "127.0.0.1");
