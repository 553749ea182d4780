#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/holder.h"
#include "engine/runtime/runtime_ops.h"

/* What a container was to have and somebody else has: its name, or a port of this machine. */

int taken_name(struct runtime *runtime, const char *name, struct error **err)
{
	struct inspected seen;
	cleanup_free char *whose = NULL;

	if (runtime->containers->inspect(runtime, name, &seen, NULL) < 0)
		return 0;
	if (!text_same(seen.name, name)) { /* the beginning of an id */
		inspected_free(&seen);
		return 0;
	}
	if (seen.owner)
		whose = mem_printf("of the checkout that has %s", seen.owner);
	else if (seen.project)
		whose = mem_printf("of compose's project %s", seen.project);
	else
		whose = mem_printf("of another program, with the image %s", seen.image ? seen.image : "?");
	inspected_free(&seen);
	error_make(err, ERROR_HEALTH, "%s has a container called %s, %s", runtime->name, name, whose);
	error_remedy(err,
		     "remove it (%s rm -f %s), or give the project another name (-p), or the service a container_name",
		     runtime->name, name);
	return -1;
}

/* The port in the engine's complaint ("listen tcp4 127.0.0.1:8000: bind: address already in use"). */
static bool names_port(const char *text, uint16_t port)
{
	cleanup_free char *word = mem_printf(":%u", port);
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if (!isdigit((unsigned char)at[len]))
			return true;
	return false;
}

/* The programs of the engines that hold a container's ports. */
static bool of_an_engine(const char *program)
{
	return text_same(program, "conmon") || text_same(program, "docker-proxy") ||
	       text_same(program, "rootlessport") || text_same(program, "rootlesskit");
}

int taken_port(const struct container_spec *spec, const char *text, struct error **err)
{
	const struct runtime_publish *publish = NULL;
	cleanup_free char *program = NULL, *who = NULL;
	int pid = 0;

	if (!strstr(text, "already in use") && !strstr(text, "already allocated"))
		return 0;
	for (size_t i = 0; i < spec->publish_len && !publish; i++)
		if (spec->publish[i].outer && names_port(text, spec->publish[i].outer))
			publish = &spec->publish[i];
	if (!publish)
		return 0;
	program = holder_find(publish->outer, publish->udp, &pid);
	if (of_an_engine(program) || strstr(text, "already allocated"))
		who = mem_strdup("another container");
	else if (program)
		who = mem_printf("another program: %s (process %d)", program, pid);
	else
		who = mem_strdup("another program");
	error_make(err, ERROR_HEALTH, "port %u is used by %s", publish->outer, who);
	error_remedy(err, "end it, or publish another port: ports: [\"%u:%u\"]",
		     publish->outer < UINT16_MAX ? publish->outer + 1 : publish->outer - 1, publish->inner);
	return -1;
}
