// A real OpenID provider: `node provider.js CONFIGURATION`, a file of JSON with issuer, port, clients, keys and accounts.
// Accounts are read anew each time, so tests can change what it says about people. Whoever knows a name can sign in.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const path = process.argv[2];
const read = () => JSON.parse(readFileSync(path));
const { issuer, port, clients, keys } = read();

const provider = new Provider(issuer, {
  clients,
  jwks: { keys },
  cookies: { keys: ["only for tests"] },
  claims: {
    openid: ["sub"],
    profile: ["preferred_username"],
    email: ["email", "email_verified"],
    groups: ["groups"],
    region: ["region"],
  },
  features: { devInteractions: { enabled: true } },
  findAccount: (context, id) => {
    const claims = read().accounts[id];
    return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) };
  },
  // Asks nobody to consent.
  loadExistingGrant: async (context) => {
    const { client, session, params } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
});
provider.listen(port, "127.0.0.1", () => console.log("listening"));
