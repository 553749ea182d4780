#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/late.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* The default time for a service to become healthy. */
#define TIMEOUT_MS 30000

/* Shows late variables as they were written. */
static const char *late_none(void *data, const char *name)
{
	(void)data;
	(void)name;
	return NULL;
}

static const char *resolve_check_shown(struct resolve *r, const struct text *text)
{
	return late_expand(r->arena, text->s, late_none, NULL);
}

/* A pattern that matches only this path. */
static const char *as_pattern(struct resolve *r, const char *path)
{
	struct buf text cleanup_buf = { 0 };

	for (; *path; path++) {
		if (strchr("*?[\\", *path))
			buf_char(&text, '\\');
		buf_char(&text, *path);
	}
	return arena_strndup(r->arena, text.data ? text.data : "", text.len);
}

/* A path or pattern of a `prepare:` step: must be below the first manifest's folder, whichever file declares it.
 * Made relative to that folder in place. */
static bool check_inside(struct resolve *r, struct text *path, const char *key, bool pattern)
{
	const char *root = r->loaded->manifest.dir, *dir = resolve_dir(r, path->pos), *relative = NULL;
	cleanup_free char *joined = NULL, *cleaned = NULL;

	if (path->s[0] == '/') {
		diags_add(r->diags, path->pos, "write it relative to the manifest's folder",
			  "\"%s\" in \"%s\" is an absolute path", resolve_check_shown(r, path), key);
		return false;
	}
	if (strcmp(dir, root) != 0) {
		joined = path_join(pattern ? as_pattern(r, dir) : dir, path->s);
		cleaned = path_clean(joined);
		relative = path_relative(pattern ? as_pattern(r, root) : root, cleaned);
	} else {
		cleaned = path_clean(path->s);
		relative = strcmp(cleaned, "..") != 0 && strncmp(cleaned, "../", 3) != 0 ? cleaned : NULL;
	}
	if (!relative)
		diags_add(r->diags, path->pos, NULL, "\"%s\" in \"%s\" is outside the manifest's folder",
			  resolve_check_shown(r, path), key);
	else
		path->s = arena_strdup(r->arena, relative);
	return relative != NULL;
}

static void check_inputs(struct resolve *r, struct prepare_spec *prepare)
{
	for (size_t i = 0; i < prepare->inputs.len; i++) {
		struct text *input = &prepare->inputs.items[i];

		if (check_inside(r, input, "inputs", true) && glob_match_deep(input->s, "x") < 0)
			diags_add(r->diags, input->pos, NULL, "\"%s\" is not a pattern", input->s);
	}
}

static void resolve_check_outputs(struct resolve *r, struct prepare_spec *prepare)
{
	for (size_t i = 0; i < prepare->outputs.len; i++) {
		struct text *output = &prepare->outputs.items[i];
		bool magic = glob_has_magic(output->s); /* the folder's own name may contain special characters */

		if (!check_inside(r, output, "outputs", false))
			continue;
		if (!strcmp(output->s, "."))
			diags_add(r->diags, output->pos, NULL, "the manifest's folder itself cannot be an output");
		else if (magic)
			diags_add(r->diags, output->pos, "name each file that the step makes",
				  "the output \"%s\" is a pattern", resolve_check_shown(r, output));
		else if (prepare->per_platform && !late_mentions(output->s, "platform."))
			diags_add(r->diags, output->pos, "name a file for each platform, with ${platform.arch}",
				  "the step runs once per platform, and each run would write \"%s\"",
				  resolve_check_shown(r, output));
	}
}

static bool valid_variable(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

void resolve_prepare(struct resolve *r, struct service *service)
{
	struct prepare_spec *prepare = &service->prepare;

	prepare->dir = resolve_dir(r, prepare->pos);
	resolve_own_only(r, prepare->pos, "prepare");
	for (size_t i = 0; i < prepare->run.len; i++)
		prepare->per_platform |= late_mentions(prepare->run.items[i].s, "platform.");
	for (size_t i = 0; i < prepare->outputs.len; i++)
		prepare->per_platform |= late_mentions(prepare->outputs.items[i].s, "platform.");
	check_inputs(r, prepare);
	resolve_check_outputs(r, prepare);
	for (size_t i = 0; i < prepare->env.len; i++)
		if (!valid_variable(prepare->env.items[i].s))
			diags_add(r->diags, prepare->env.items[i].pos,
				  "list names only; the values come from the environment",
				  "\"%s\" is not the name of an environment variable", prepare->env.items[i].s);
	if (!service->has_build)
		diags_add(r->diags, prepare->pos, NULL,
			  "the service \"%s\" has a \"prepare\" step, but no \"build\" that it would be for",
			  service->name.s);
}

static void check_port(struct resolve *r, const struct service *service, uint16_t port, struct pos pos, const char *what)
{
	if (!port && !service_port(service) && pos.line)
		diags_add(r->diags, pos, arena_printf(r->arena, "give the service \"ports\", or %s a \"port\"", what),
			  "\"%s\" has no port to ask", what);
}

static bool is_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* RFC 9110, 5.6.2: what methods and names of headers are made of. */
static bool is_token(const char *s)
{
	return *s &&
	       s[strspn(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

static void check_request(struct resolve *r, struct http_check *http)
{
	if (http->method.s && !is_token(http->method.s))
		diags_add(r->diags, http->method.pos, NULL, "\"%s\" is not an HTTP method", http->method.s);
	if (http->host.s && (!is_line(http->host.s) || strpbrk(http->host.s, " /@?#")))
		diags_add(r->diags, http->host.pos, "write a name, or NAME:PORT", "\"%s\" is not a host", http->host.s);
	for (size_t i = 0; i < http->headers.len; i++) {
		const struct pair *pair = &http->headers.items[i];

		if (!is_token(pair->key.s) || !is_line(pair->value.s))
			diags_add(r->diags, pair->key.pos, NULL, "\"%s\" is not a header", pair->key.s);
	}
	if (!http->https && (http->ca.s || http->insecure))
		diags_add(r->diags, http->ca.s ? http->ca.pos : http->pos, "write scheme: https",
			  "\"%s\" is about https, but the check is not", http->ca.s ? "ca" : "insecure");
	if (http->ca.s)
		http->ca.s = resolve_text(r, &http->ca);
}

static void check_http(struct resolve *r, const struct service *service, struct http_check *http)
{
	check_request(r, http);
	if (!http->timeout_ms)
		http->timeout_ms = TIMEOUT_MS;
	if (http->path.s && http->path.s[0] != '/')
		diags_add(r->diags, http->path.pos, "write the path alone: \"/health\"",
			  "the path \"%s\" does not begin with \"/\"", http->path.s);
	else if (http->path.s && http->path.s[strcspn(http->path.s, " \t\r\n#")])
		diags_add(r->diags, http->path.pos, NULL,
			  "the path \"%s\" contains a character that a path cannot have", http->path.s);
	check_port(r, service, http->port, http->pos, "http");
}

static void refuse_without_tls(struct resolve *r, bool given, struct pos pos, const char *key)
{
	if (given)
		diags_add(r->diags, pos, "write tls: true", "\"%s\" is about TLS, but the check is not", key);
}

static void check_grpc(struct resolve *r, const struct service *service, struct grpc_check *grpc)
{
	if (!grpc->timeout_ms)
		grpc->timeout_ms = TIMEOUT_MS;
	if (grpc->service.s && strlen(grpc->service.s) > GRPC_NAME_MAX)
		diags_add(r->diags, grpc->service.pos, NULL, "the service's name is longer than %d bytes", GRPC_NAME_MAX);
	if (!grpc->tls) {
		refuse_without_tls(r, grpc->ca.s, grpc->ca.pos, "ca");
		refuse_without_tls(r, grpc->host.s, grpc->host.pos, "host");
		refuse_without_tls(r, grpc->insecure, grpc->pos, "insecure");
	}
	if (grpc->host.s && (!is_line(grpc->host.s) || strpbrk(grpc->host.s, " /:@?#")))
		diags_add(r->diags, grpc->host.pos, NULL, "\"%s\" is not the name of a host", grpc->host.s);
	if (grpc->ca.s)
		grpc->ca.s = resolve_text(r, &grpc->ca);
	check_port(r, service, grpc->port, grpc->pos, "grpc");
}

/* "8000", "53/udp" */
static void check_exposed(struct resolve *r, const struct text *text)
{
	char *end;
	long port = strtol(text->s, &end, 10);

	if (!isdigit((unsigned char)text->s[0]) || port < 1 || port > 65535 ||
	    (*end && strcmp(end, "/tcp") != 0 && strcmp(end, "/udp") != 0 && strcmp(end, "/sctp") != 0))
		diags_add(r->diags, text->pos, "write \"8000\" or \"53/udp\"; ports go from 1 to 65535",
			  "\"%s\" is not a port", text->s);
}

static void resolve_check_platforms(struct resolve *r, struct texts *platforms)
{
	resolve_limit(r, platforms, RESOLVE_PLATFORMS_MAX, "platforms");
	for (size_t i = 0; i < platforms->len; i++) {
		struct platform platform;
		char text[PLATFORM_TEXT];

		if (!resolve_platform(r, &platforms->items[i], "", &platform))
			continue;
		platform_text(&platform, text);
		platforms->items[i].s = arena_strdup(r->arena, text);
	}
}

void resolve_verify(struct resolve *r, struct service *service)
{
	struct verify_spec *verify = &service->verify;

	verify->dir = resolve_dir(r, verify->pos);
	if (verify->run_len)
		resolve_own_only(r, verify->pos, "run");
	if (verify->has_http)
		check_http(r, service, &verify->http);
	if (verify->has_tcp && !verify->tcp.timeout_ms)
		verify->tcp.timeout_ms = TIMEOUT_MS;
	if (verify->has_tcp)
		check_port(r, service, verify->tcp.port, verify->tcp.pos, "tcp");
	if (verify->has_grpc)
		check_grpc(r, service, &verify->grpc);
	if (verify->has_exec && !verify->exec.timeout_ms)
		verify->exec.timeout_ms = TIMEOUT_MS;
	for (size_t i = 0; i < verify->ports.len; i++)
		check_exposed(r, &verify->ports.items[i]);
	resolve_check_platforms(r, &verify->platforms);
}

void resolve_outputs_once(struct resolve *r)
{
	const struct manifest *manifest = &r->loaded->manifest;
	struct map *seen cleanup_map = map_new();

	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct prepare_spec *prepare = &manifest->services[i].prepare;

		for (size_t j = 0; manifest->services[i].maker == i && j < prepare->outputs.len; j++) {
			const struct text *output = &prepare->outputs.items[j];
			const struct service *other = map_set(seen, output->s, &manifest->services[i]);

			if (!other)
				continue;
			diags_add(r->diags, output->pos, "declare the step in one service, and let the other one need it",
				  "the services \"%s\" and \"%s\" both make the file \"%s\"", other->name.s,
				  manifest->services[i].name.s, resolve_check_shown(r, output));
			diags_note(r->diags, other->prepare.pos, "the step of \"%s\" is here", other->name.s);
		}
	}
}
