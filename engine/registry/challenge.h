#ifndef ENGINE_REGISTRY_CHALLENGE_H
#define ENGINE_REGISTRY_CHALLENGE_H

struct http_response;

/* What a registry demands: the WWW-Authenticate headers of an answer with status 401 (RFC 9110, section 11.6.1; the
 * token specification of distribution). */
enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };
struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope; /* malloc'd, or NULL */
};

/* A token is preferred to a password. */
void challenge_parse(const struct http_response *response, struct challenge *ret);
void challenge_free(struct challenge *challenge); /* the texts */
#define cleanup_challenge __attribute__((cleanup(challenge_free)))

#endif
