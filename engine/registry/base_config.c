#include "config.h"

#include "engine/registry/base_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/redact.h"
#include "engine/source/dockerfile.h"

const struct base_config BASE_UNTOLD = { .onbuild = DOCKERFILE_UNTOLD "\n" };

void base_config_free(struct base_config *config)
{
	free(config->onbuild);
	free(config->env);
	*config = (struct base_config){ 0 };
}

void base_config_make(char *const *onbuild, char *const *env, struct base_config *ret)
{
	struct buf instructions = { 0 }, variables = { 0 };

	buf_str(&instructions, "");
	buf_str(&variables, "");
	/* One instruction per line; an instruction of several lines cannot be represented. */
	for (; onbuild && *onbuild; onbuild++)
		buf_printf(&instructions, "%s\n", strchr(*onbuild, '\n') ? DOCKERFILE_UNTOLD : *onbuild);
	for (; env && *env; env++) {
		cleanup_free char *name = mem_strndup(*env, strcspn(*env, "="));

		/* No source is named by the PATH, and nearly every image has one. */
		if (*name && !strchr(name, '\n') && strcmp(name, "PATH") != 0)
			buf_printf(&variables, "%s\n", redact_is_secret(name) || strchr(*env, '\n') ? name : *env);
	}
	ret->onbuild = buf_steal(&instructions);
	ret->env = buf_steal(&variables);
}

bool base_env_find(const char *text, const char *name, char **ret)
{
	size_t len = strlen(name);
	bool told = text != NULL;

	*ret = NULL;
	for (; text && *text; text += strcspn(text, "\n") + 1) {
		if (strncmp(text, name, len) != 0 || !strchr("=\n", text[len]))
			continue;
		free(*ret);
		told = text[len] == '=';
		*ret = told ? mem_strndup(text + len + 1, strcspn(text + len + 1, "\n")) : NULL;
	}
	return told;
}
