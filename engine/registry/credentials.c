#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/registry/authfile.h"
#include "engine/registry/credentials.h"
#include "engine/registry/helper.h"

static void free_paths(char *(*paths)[AUTHFILES_MAX + 1])
{
	for (size_t i = 0; (*paths)[i]; i++)
		free((*paths)[i]);
}

#define cleanup_paths __attribute__((cleanup(free_paths)))

/* Do not leave secrets in freed memory. */
static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void credentials_free(struct credentials *credentials)
{
	free(credentials->username);
	wipe(credentials->password);
	wipe(credentials->identity_token);
	wipe(credentials->registry_token);
	free(credentials->from);
	*credentials = (struct credentials){ 0 };
}

static char *copy_text(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

static void credentials_copy(struct credentials *to, const struct credentials *from)
{
	*to = (struct credentials){
		.username = copy_text(from->username),
		.password = copy_text(from->password),
		.identity_token = copy_text(from->identity_token),
		.registry_token = copy_text(from->registry_token),
		.from = copy_text(from->from),
	};
}

void helped_free(struct helped *helped)
{
	while (helped) {
		struct helped *next = helped->next;

		credentials_free(&helped->credentials);
		free(helped->helper);
		free(helped);
		helped = next;
	}
}

static int ask_helper(struct loop *loop, const char *helper, const char *domain,
		      const struct credentials_helping *helping, struct credentials *ret, struct error **err)
{
	struct helped *helped = helping ? *helping->asked : NULL;
	int r;

	while (helped && strcmp(helped->helper, helper) != 0)
		helped = helped->next;
	if (helped) {
		credentials_copy(ret, &helped->credentials);
		return credentials_any(ret);
	}
	r = helper_get(loop, helper, authfile_server(domain), helping ? helping->ms : 0, ret, err);
	if (r < 0 || !helping)
		return r;
	helped = mem_alloc(sizeof(*helped));
	*helped = (struct helped){ .helper = mem_strdup(helper), .next = *helping->asked };
	credentials_copy(&helped->credentials, ret);
	*helping->asked = helped;
	return r;
}

static int credentials_find_in(struct loop *loop, const char *path, const char *domain, const char *repository,
			       const struct credentials_helping *helping, struct credentials *ret, struct error **err)
{
	cleanup_json struct json *file = NULL;
	const char *helper;
	int r;

	if (authfile_read(path, &file, err) < 0)
		return -1;
	helper = authfile_helper(file, domain);
	r = helper ? ask_helper(loop, helper, domain, helping, ret, err) : 0;
	return r != 0 ? r : authfile_find(file, path, domain, repository, ret, err);
}

int credentials_find(struct loop *loop, const char *domain, const char *repository,
		     const struct credentials_helping *helping, struct credentials *ret, struct error **err)
{
	char *paths[AUTHFILES_MAX + 1] cleanup_paths;

	*ret = (struct credentials){ 0 };
	authfile_paths(paths);
	for (size_t i = 0; paths[i]; i++) {
		int r = credentials_find_in(loop, paths[i], domain, repository, helping, ret, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return 0;
}

/* Reads the file that logins are written to. */
static int open_first(char *paths[AUTHFILES_MAX + 1], struct json **ret, struct error **err)
{
	authfile_paths(paths);
	if (!paths[0])
		return error_make(err, ERROR_REGISTRY, "nowhere to keep a login: HOME is not set");
	return authfile_read(paths[0], ret, err);
}

int credentials_store(struct loop *loop, const char *domain, const struct credentials *credentials, char **ret_where,
		      struct error **err)
{
	char *paths[AUTHFILES_MAX + 1] cleanup_paths = { 0 };
	cleanup_json struct json *file = NULL, *changed = NULL;
	const char *helper;
	bool had;

	if (open_first(paths, &file, err) < 0)
		return -1;
	helper = authfile_helper(file, domain);
	if (helper) {
		if (helper_store(loop, helper, authfile_server(domain), credentials, err) < 0)
			return -1;
		*ret_where = mem_printf("docker-credential-%s", helper);
		return 0;
	}
	changed = authfile_with(file, domain, credentials, &had);
	if (authfile_write(paths[0], changed, err) < 0)
		return -1;
	*ret_where = mem_strdup(paths[0]);
	return 0;
}

int credentials_erase(struct loop *loop, const char *domain, char **ret_where, struct error **err)
{
	char *paths[AUTHFILES_MAX + 1] cleanup_paths = { 0 };
	cleanup_json struct json *file = NULL, *changed = NULL;
	const char *helper;
	int erased = 0;
	bool had;

	if (open_first(paths, &file, err) < 0)
		return -1;
	helper = authfile_helper(file, domain);
	if (helper)
		erased = helper_erase(loop, helper, authfile_server(domain), err);
	if (erased < 0)
		return -1;
	changed = authfile_with(file, domain, NULL, &had);
	if (had && authfile_write(paths[0], changed, err) < 0)
		return -1;
	*ret_where = erased ? mem_printf("docker-credential-%s", helper) : mem_strdup(paths[0]);
	return erased || had;
}
