#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert/proposal.h"
#include "cli/convert/survey.h"

/* Variables do not belong into paths. */
static void set_path(struct json *object, const char *key, const char *path)
{
	cleanup_buf struct buf text = { 0 };

	for (; *path; path++) {
		buf_str(&text, *path == '$' ? "$" : "");
		buf_char(&text, *path);
	}
	json_set_str(object, key, text.data);
}

/* Bases that may be built here: suggestions as comments. */
static void proposal_add_guesses(struct json *service, const struct survey *survey, const struct found *found)
{
	for (size_t i = 0; i < found->guesses_len; i++) {
		const struct found_link *guess = &found->guesses[i];
		cleanup_free char *key = mem_printf("#guess%zu", i);
		cleanup_free char *text = mem_printf(
			"if its base %s is %s of this manifest: build: {additional_contexts: {\"%s\": \"service:%s\"}}%s",
			guess->image, survey->items[guess->service].name, guess->image,
			survey->items[guess->service].name,
			strchr(guess->image, '$') ? ", with a value for each variable here and in args" : "");

		json_set_str(service, key, text);
	}
}

static void proposal_add_build(struct json *service, const struct survey *survey, const struct found *found)
{
	cleanup_free char *normal = path_join(found->context, "Dockerfile");
	cleanup_free char *cleaned = path_clean(normal);
	bool usual = strcmp(cleaned, found->path) == 0;
	struct json *build = json_new_object(), *contexts = json_new_object();

	if (usual && found->links_len == 0) {
		set_path(service, "build", found->context);
		json_free(build);
		json_free(contexts);
		return;
	}
	set_path(build, "context", found->context);
	if (!usual)
		set_path(build, "dockerfile",
			 strcmp(found->context, ".") == 0 ? found->path : path_relative(found->context, found->path));
	for (size_t i = 0; i < found->links_len; i++) {
		const struct found_link *link = &found->links[i];
		cleanup_free char *value = mem_printf("service:%s", survey->items[link->service].name);

		json_set_str(contexts, link->image, value);
	}
	if (json_len(contexts) > 0) {
		json_set_str(build, "#contexts", "what its Dockerfile resolves these names to");
		json_set(build, "additional_contexts", contexts);
	} else {
		json_free(contexts);
	}
	json_set(service, "build", build);
}

/* A URL of the container itself: "http://localhost:8080/health". The port in `*ret_port`, 0 when it has none; the
 * path malloc'd, or NULL. */
static char *asked_path(const char *health, unsigned *ret_port)
{
	static const char *const hosts[] = { "http://localhost", "http://127.0.0.1", "http://0.0.0.0", "http://[::1]" };
	const char *at = NULL;
	size_t len;

	*ret_port = 0;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && !at; i++) {
		at = health ? strstr(health, hosts[i]) : NULL;
		at = at ? at + strlen(hosts[i]) : NULL;
	}
	if (!at)
		return NULL;
	if (*at == ':')
		*ret_port = (unsigned)strtoul(at + 1, (char **)&at, 10);
	len = *at == '/' ? strcspn(at, " \t\"'|;)\\,]") : 0;
	if (*ret_port > 65535 || memchr(at, '$', len) || *at == '$')
		return NULL;
	return len ? mem_strndup(at, len) : mem_strdup("/");
}

static bool proposal_is_root(const char *user)
{
	size_t len = strcspn(user, ":");

	return (len == 4 && memcmp(user, "root", 4) == 0) || (len == 1 && *user == '0');
}

void proposal_verify(struct json *service, const struct dockerfile_facts *facts)
{
	struct json *verify = json_new_object();
	unsigned asked, port = facts->ports_len > 0 ? facts->ports[0] : 0;
	cleanup_free char *path = asked_path(facts->health, &asked);

	if (path && (asked || port)) {
		struct json *http = json_new_object();

		json_set_str(http, "path", path);
		json_set_int(http, "port", asked ? asked : port);
		json_set_str(verify, "#http", "as its HEALTHCHECK asks");
		json_set(verify, "http", http);
	} else if (port) {
		json_set_str(verify, "#tcp", "its first port opens; better: http: /health");
		json_set_int(verify, "tcp", port);
	}
	if (facts->user && !proposal_is_root(facts->user))
		json_set_str(verify, "user", "nonroot");
	if (json_len(verify) > 0)
		json_set(service, "verify", verify);
	else
		json_free(verify);
}

struct json *proposal_service(const struct survey *survey, size_t number)
{
	const struct found *found = &survey->items[number];
	struct json *service = json_new_object(), *ports = json_new_array();

	if (found->is_base) {
		json_set_str(service, "#base", "only a base of others");
		json_set_bool(service, "publish", false);
	}
	if (found->shadows) {
		cleanup_free char *image = mem_printf("%s/%s", survey->project, found->name);

		json_set_str(service, "#image", "its short name is also the name of an image from elsewhere");
		json_set_str(service, "image", image);
	}
	proposal_add_guesses(service, survey, found);
	proposal_add_build(service, survey, found);
	for (size_t i = 0; i < found->facts.ports_len; i++) {
		cleanup_free char *port = mem_printf("%u", found->facts.ports[i]);

		json_append(ports, json_new_string(port));
	}
	if (json_len(ports) > 0)
		json_set(service, "ports", ports);
	else
		json_free(ports);
	if (!found->is_base)
		proposal_verify(service, &found->facts);
	return service;
}

size_t proposal_dockerfile(const struct survey *survey, const struct json *service)
{
	const struct json *build = json_get(service, "build");
	const char *context = json_text(build) ? json_text(build) : json_str(build, "context");
	const char *dockerfile = json_str(build, "dockerfile");
	cleanup_free char *joined = path_join(context ? context : ".", dockerfile ? dockerfile : "Dockerfile");
	cleanup_free char *path = path_clean(joined);
	size_t i = 0;

	while (i < survey->len && (!build || strcmp(survey->items[i].path, path) != 0))
		i++;
	return i;
}
