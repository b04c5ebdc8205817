// GitHub as its published descriptions have it (OpenAPI for REST, the schema for GraphQL), by a simulator that other people wrote:
// what these do not know is refused, and answers are their examples. node github.mjs; says its port.
import { simulation } from "@simulacrum/github-api-simulator";

const github = simulation({
  apiUrl: "/api/v3", // where an Enterprise server has it
  extend: {
    extendRouter: (router) =>
      router.use((request, _, next) => {
        if (request.url === "/api/graphql") request.url = "/graphql";
        next();
      }),
  },
});
console.log((await github.listen(0, "127.0.0.1")).port);
