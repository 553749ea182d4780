#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/convert/export_values.h"
#include "cli/convert/skaffold.h"
#include "cli/convert/survey.h"
#include "dsl/node.h"
#include "dsl/yaml.h"

#define REQUIRES_MAX 32 /* levels */

struct artifact {
	const struct yaml_node *node, *build; /* the artifact, and `docker` or `kaniko` in it */
	const struct yaml_node *platforms;
	const char *dir; /* of its skaffold.yaml */
	const char *image, *service;
};

struct skaffold {
	struct arena *arena;
	struct diags *diags;
	size_t nodes;
	struct map *read; /* file and configuration -> itself */
	struct artifact *artifacts;
	size_t artifacts_len, artifacts_cap;
	struct json *root, *services, *secrets;
	unsigned comments;
};

/* Takes ownership of the text. */
static void skaffold_comment(struct skaffold *s, struct json *object, char *text)
{
	cleanup_free char *key = mem_printf("#skaffold%u", s->comments++);

	json_set_str(object, key, text);
	free(text);
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *value = map ? node_get(map, key) : NULL;

	return value && value->kind == NODE_SCALAR ? value->text : NULL;
}

static size_t list_len(const struct yaml_node *list)
{
	return list && list->kind == NODE_LIST ? list->len : 0;
}

/* A text in the manifest's notation: "{{.NAME}}" becomes a variable, "$" is literal. False for other templates.
 * malloc'd. */
static bool convert_template(const char *text, char **ret)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	struct buf out = { 0 };

	buf_str(&out, "");
	while (*text) {
		const char *name = text + 2, *end;

		if (strncmp(text, "{{", 2) != 0) {
			buf_str(&out, *text == '$' ? "$" : "");
			buf_char(&out, *text++);
			continue;
		}
		name += strspn(name, " ");
		end = *name == '.' ? name + 1 + strspn(name + 1, letters) : name;
		text = end + strspn(end, " ");
		if (end <= name + 1 || strncmp(text, "}}", 2) != 0) {
			buf_free(&out);
			return false;
		}
		buf_printf(&out, "${%.*s}", (int)(end - name - 1), name + 1);
		text += 2;
	}
	*ret = buf_steal(&out);
	return true;
}

static void set_converted(struct skaffold *s, struct json *object, const char *key, const struct yaml_node *value)
{
	cleanup_free char *text = NULL;

	if (!value || value->kind != NODE_SCALAR)
		return;
	if (convert_template(value->text, &text))
		json_set_str(object, key, text);
	else
		skaffold_comment(s, object, mem_printf("%s: skaffold works out %s", key, value->text));
}

static struct json *texts_of(const struct yaml_node *list)
{
	struct json *made = json_new_array();

	for (size_t i = 0; i < list_len(list); i++) {
		cleanup_free char *text = NULL;

		if (list->items[i]->kind == NODE_SCALAR && convert_template(list->items[i]->text, &text))
			json_append(made, json_new_string(text));
	}
	return made;
}

static void set_list(struct json *object, const char *key, struct json *list)
{
	if (json_len(list) > 0)
		json_set(object, key, list);
	else
		json_free(list);
}

static void set_service_name(struct skaffold *s, struct artifact *artifact)
{
	cleanup_free char *word = survey_name(path_base(artifact->image));
	const char *name = strcmp(word, "all") == 0 ? "all-image" : *word ? word : "image";
	unsigned number = 1;

	artifact->service = arena_strdup(s->arena, name);
	for (size_t i = 0; i < s->artifacts_len; i++) {
		if (strcmp(s->artifacts[i].service, artifact->service) == 0) {
			artifact->service = arena_printf(s->arena, "%s-%u", name, ++number);
			i = (size_t)-1;
		}
	}
}

/* The builder, if it is not a Dockerfile's; or NULL. */
static const char *other_builder(const struct yaml_node *artifact)
{
	static const char *const names[] = { "bazel", "jib", "jibMaven", "jibGradle", "buildpacks", "ko", "custom" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (node_get(artifact, names[i]))
			return names[i];
	}
	return NULL;
}

static void take_artifact(struct skaffold *s, const struct yaml_node *node, const struct yaml_node *platforms,
			  const char *dir)
{
	struct artifact artifact = { .node = node, .dir = dir, .image = text_of(node, "image") };
	const char *other = other_builder(node);

	if (!artifact.image)
		return;
	if (other) {
		skaffold_comment(s, s->root,
				 mem_printf("%s was left out: skaffold builds it with %s", artifact.image, other));
		return;
	}
	artifact.build = node_get(node, node_get(node, "kaniko") ? "kaniko" : "docker");
	artifact.platforms = node_get(node, "platforms") ? node_get(node, "platforms") : platforms;
	set_service_name(s, &artifact);
	mem_reserve(&s->artifacts, &s->artifacts_cap, s->artifacts_len + 1, sizeof(*s->artifacts));
	s->artifacts[s->artifacts_len++] = artifact;
}

static int skaffold_read_file(struct skaffold *s, const char *path, const struct yaml_node *configs, unsigned depth,
			      struct error **err);

static int read_required(struct skaffold *s, const struct yaml_node *item, const char *dir, unsigned depth,
			 struct error **err)
{
	const char *written = text_of(item, "path");
	cleanup_free char *joined = path_join(dir, written ? written : ".");
	cleanup_free char *below = path_join(joined, "skaffold.yaml");
	cleanup_free char *path = path_clean(fs_is_dir(joined) ? below : joined);

	if (item->kind != NODE_MAP)
		return 0;
	if (!written && item->len > 0 && strcmp(item->entries[0].key, "configs") != 0) {
		skaffold_comment(s, s->root,
				 mem_printf("what skaffold requires by %s was left out", item->entries[0].key));
		return 0;
	}
	return skaffold_read_file(s, path, node_get(item, "configs"), depth, err);
}

static bool is_wanted_configuration(const struct yaml_node *configs, const char *name)
{
	for (size_t i = 0; i < list_len(configs); i++) {
		if (name && configs->items[i]->kind == NODE_SCALAR && strcmp(configs->items[i]->text, name) == 0)
			return true;
	}
	return list_len(configs) == 0;
}

static int read_configuration(struct skaffold *s, const struct yaml_node *config, const char *path, unsigned depth,
			      struct error **err)
{
	cleanup_free char *dir = path_dir(path);
	const struct yaml_node *build = node_get(config, "build");
	const struct yaml_node *requires = node_get(config, "requires");
	const struct yaml_node *artifacts = build ? node_get(build, "artifacts") : NULL;
	const char *kept = arena_strdup(s->arena, dir);

	for (size_t i = 0; i < list_len(requires); i++) {
		if (read_required(s, requires->items[i], dir, depth, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < list_len(artifacts); i++)
		take_artifact(s, artifacts->items[i], node_get(build, "platforms"), kept);
	return 0;
}

static int skaffold_parse(struct skaffold *s, const char *path, struct yaml_node **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 }, complaints = { 0 };
	uint32_t file;

	if (fs_read(path, YAML_BYTES_MAX, &text, err) < 0)
		return -1;
	file = diags_source(s->diags, path, text.data ? text.data : "", text.len);
	*ret = yaml_parse_all(s->arena, s->diags, file, text.data ? text.data : "", text.len, &s->nodes);
	if (*ret && diags_count(s->diags) == 0)
		return 0;
	diags_render(s->diags, &complaints, false);
	return error_make(err, ERROR_USAGE, "%.*s", (int)strcspn(complaints.data, "\n"), complaints.data);
}

static int skaffold_read_file(struct skaffold *s, const char *path, const struct yaml_node *configs, unsigned depth,
			      struct error **err)
{
	struct yaml_node *documents;

	if (depth > REQUIRES_MAX)
		return error_make(err, ERROR_USAGE, "%s: more than %d files require each other", path, REQUIRES_MAX);
	if (skaffold_parse(s, path, &documents, err) < 0)
		return -1;
	for (size_t i = 0; i < documents->len; i++) {
		const struct yaml_node *document = documents->items[i];
		const char *key = arena_printf(s->arena, "%s#%zu", path, i);

		if (!is_wanted_configuration(configs, text_of(node_get(document, "metadata"), "name")) ||
		    map_get(s->read, key))
			continue;
		map_set(s->read, key, documents);
		if (read_configuration(s, document, path, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static const struct artifact *find_artifact(const struct skaffold *s, const char *image)
{
	for (size_t i = 0; i < s->artifacts_len; i++) {
		if (strcmp(s->artifacts[i].image, image) == 0)
			return &s->artifacts[i];
	}
	return NULL;
}

/* An artifact that this one requires: skaffold passes its image's name as a build argument. */
static void add_base(struct skaffold *s, const struct yaml_node *item, struct json *build, struct json *args,
		     struct json *contexts)
{
	const char *image = text_of(item, "image"), *alias = text_of(item, "alias");
	const struct artifact *base = image ? find_artifact(s, image) : NULL;

	if (base) {
		json_set_str(args, alias ? alias : image, image);
		json_set(contexts, image, json_new_string(arena_printf(s->arena, "service:%s", base->service)));
	} else if (image) {
		skaffold_comment(s, build, mem_printf("it requires %s, which was left out", image));
	}
}

static void skaffold_add_args(struct skaffold *s, const struct artifact *artifact, struct json *build)
{
	const struct yaml_node *args = artifact->build ? node_get(artifact->build, "buildArgs") : NULL;
	const struct yaml_node *requires = node_get(artifact->node, "requires");
	struct json *made = json_new_object(), *contexts = json_new_object();

	for (size_t i = 0; i < list_len(requires); i++)
		add_base(s, requires->items[i], build, made, contexts);
	for (size_t i = 0; args && args->kind == NODE_MAP && i < args->len; i++)
		set_converted(s, made, args->entries[i].key, args->entries[i].value);
	set_list(build, "args", made);
	set_list(build, "additional_contexts", contexts);
}

static void skaffold_add_secrets(struct skaffold *s, const struct yaml_node *list, struct json *build)
{
	struct json *ids = json_new_array();

	for (size_t i = 0; i < list_len(list); i++) {
		const char *id = text_of(list->items[i], "id"), *file = text_of(list->items[i], "src");
		const char *variable = text_of(list->items[i], "env");
		struct json *source = json_new_object();

		json_set_str(source, file ? "file" : "environment", file ? file : variable ? variable : id);
		if (id)
			json_append(ids, json_new_string(id));
		json_set(s->secrets, id ? id : "", id ? json_clone(source) : NULL);
		json_free(source);
	}
	set_list(build, "secrets", ids);
}

/* Keys that a manifest writes differently or not at all. */
static void name_the_rest(struct skaffold *s, const struct yaml_node *docker, struct json *build)
{
	static const char *const taken[] = { "dockerfile", "target",  "buildArgs",  "network", "addHost", "noCache",
					     "cacheFrom",  "secrets", "pullParent", "ssh",     "cache",   "image" };

	for (size_t i = 0; docker && docker->kind == NODE_MAP && i < docker->len; i++) {
		size_t j = 0;

		while (j < sizeof(taken) / sizeof(taken[0]) && strcmp(docker->entries[i].key, taken[j]) != 0)
			j++;
		if (j == sizeof(taken) / sizeof(taken[0]))
			skaffold_comment(s, build, mem_printf("skaffold's %s was left out", docker->entries[i].key));
	}
}

static void set_docker(struct skaffold *s, const struct yaml_node *docker, struct json *build)
{
	const char *network = text_of(docker, "network");

	if (!docker)
		return;
	set_converted(s, build, "target", node_get(docker, "target"));
	/* Options of docker's that builders support. */
	if (network && strcasecmp(network, "bridge") != 0)
		json_set_str(build, "network", strcasecmp(network, "host") == 0 ? "host" : "none");
	set_list(build, "extra_hosts", texts_of(node_get(docker, "addHost")));
	set_list(build, "cache_from", texts_of(node_get(docker, "cacheFrom")));
	if (text_of(docker, "noCache") && strcmp(text_of(docker, "noCache"), "true") == 0)
		json_set_bool(build, "no_cache", true);
	if (text_of(docker, "pullParent") && strcmp(text_of(docker, "pullParent"), "true") == 0)
		json_set_bool(build, "pull", true);
	if (text_of(docker, "ssh")) {
		struct json *list = json_new_array();

		json_append(list, json_new_string(text_of(docker, "ssh")));
		json_set(build, "ssh", list);
	}
	skaffold_add_secrets(s, node_get(docker, "secrets"), build);
	name_the_rest(s, docker, build);
}

/* In the context, or in skaffold's working directory if it exists only there. */
static char *artifact_dockerfile(const struct artifact *artifact, const char *context)
{
	const char *written = text_of(artifact->build, "dockerfile");
	cleanup_free char *usual = path_join(context, written ? written : "Dockerfile");
	cleanup_free char *shared = path_join(artifact->dir, written ? written : "Dockerfile");

	cleanup_free char *from = path_absolute(context, NULL), *to = path_absolute(shared, NULL);

	if (written && from && to && !fs_exists(usual) && fs_exists(shared))
		return export_relative(from, to);
	return mem_strdup(written ? written : "Dockerfile");
}

static void skaffold_add_service(struct skaffold *s, const struct artifact *artifact)
{
	struct json *service = json_new_object(), *build = json_new_object();
	const char *written = text_of(artifact->node, "context");
	cleanup_free char *joined = path_join(artifact->dir, written ? written : ".");
	cleanup_free char *context = path_clean(joined);
	cleanup_free char *dockerfile = artifact_dockerfile(artifact, context);

	/* A bare name is prefixed with the registry, or the project. */
	if (strchr(artifact->image, '/') || strcmp(artifact->image, artifact->service) != 0)
		json_set_str(service, "image", artifact->image);
	json_set_str(build, "context", context);
	if (strcmp(dockerfile, "Dockerfile") != 0)
		json_set_str(build, "dockerfile", dockerfile);
	set_docker(s, artifact->build, build);
	skaffold_add_args(s, artifact, build);
	set_list(build, "platforms", texts_of(artifact->platforms));
	json_set(service, "build", build);
	json_set(s->services, artifact->service, service);
}

int skaffold_read(const char *path, struct json **ret, struct error **err)
{
	struct skaffold s = {
		.arena = arena_new(),
		.diags = diags_new(),
		.read = map_new(),
		.root = json_new_object(),
		.services = json_new_object(),
		.secrets = json_new_object(),
	};
	int r = skaffold_read_file(&s, path, NULL, 0, err);

	for (size_t i = 0; r == 0 && i < s.artifacts_len; i++)
		skaffold_add_service(&s, &s.artifacts[i]);
	set_list(s.root, "secrets", s.secrets);
	json_set(s.root, "services", s.services);
	if (r == 0)
		*ret = steal_ptr(s.root);
	json_free(s.root);
	free(s.artifacts);
	map_free(s.read);
	diags_free(s.diags);
	arena_free(s.arena);
	return r;
}
