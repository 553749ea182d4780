#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/registry_internal.h"
#include "engine/registry/transport.h"

/* Checks whether a registry accepts a login, with a request to its base URL without repository and scope. */

static void give(struct endpoint *endpoint, const struct credentials *credentials)
{
	struct login *login = mem_alloc(sizeof(*login));

	*login = (struct login){ .repository = mem_strdup(""), .next = endpoint->logins };
	login->credentials = (struct credentials){
		.username = mem_strdup(credentials->username),
		.password = mem_strdup(credentials->password),
		.from = mem_strdup("the command line"),
	};
	endpoint->logins = login;
}

int registry_login(struct registry *registry, const char *domain, const struct credentials *credentials,
		   struct error **err)
{
	const struct ref ref = { .domain = (char *)domain, .repository = "" };
	const struct auth_want want = { .repository = "", .scopes = "" };
	const struct exchange exchange = { .method = "GET", .path = "/v2/", .want = want, .body_fd = -1 };
	cleanup_http struct http_response response = { 0 };
	cleanup_spot struct spot spot = { 0 };

	if (spot_find(registry, &ref, false, NULL, &spot, err) < 0)
		return -1;
	give(spot.endpoint, credentials);
	if (transport_do(spot.endpoint, &exchange, &response, err) < 0)
		return -1;
	if (response.status != 200)
		return transport_refuse(spot.endpoint, &want, &response, "is it a registry?", err);
	return 0;
}
