#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/ref.h"
#include "cli/convert/survey.h"
#include "cli/convert/survey_links.h"
#include "engine/source/dockerfile.h"

#define DEPTH_MAX 12
#define FOUND_MAX 1000
#define DOCKERFILE_MAX (1024 * 1024)

static bool survey_listed(const char *const *list, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++) {
		if (strcasecmp(list[i], word) == 0)
			return true;
	}
	return false;
}
#define LISTED(list, word) survey_listed(list, sizeof(list) / sizeof((list)[0]), word)

/* Folders with other people's code, or build output. */
static bool is_skipped(const char *name)
{
	static const char *const names[] = { "node_modules",  "vendor",      "third_party", "bower_components",
					     "site-packages", "__pycache__", "venv" };

	return name[0] == '.' || LISTED(names, name);
}

/* Folder names that say how something is kept, not what it is. */
static bool is_generic(const char *name)
{
	static const char *const names[] = { "docker", "dockerfile", "dockerfiles", "build",
					     "deploy", "container",  "containers",  "ci",
					     "image",  "package",    "src" };

	return LISTED(names, name);
}

/* "Dockerfile", "Dockerfile.web", "web.Dockerfile", "Containerfile": `*ret_start` and `*ret_len` is the other part
 * of the name; false for other files. */
static bool is_dockerfile(const char *name, const char **ret_start, size_t *ret_len)
{
	static const char *const words[] = { "dockerfile", "containerfile" };
	static const char *const other[] = { "dockerignore", "containerignore",
					     "md",           "txt",
					     "tmpl",         "template",
					     "tpl",          "j2",
					     "in",           "erb",
					     "mustache",     "bak",
					     "orig",         "rej",
					     "swp",          "sh",
					     "go",           "py",
					     "js",           "ts",
					     "rb",           "json",
					     "yaml",         "yml",
					     "html" };
	size_t len = strlen(name);
	const char *dot = strrchr(name, '.');

	if ((dot && LISTED(other, dot + 1)) || name[len - 1] == '~')
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t word = strlen(words[i]);

		if (strncasecmp(name, words[i], word) == 0 && (!name[word] || strchr(".-_", name[word]))) {
			*ret_start = name + word + (name[word] != 0);
			*ret_len = strlen(*ret_start);
			return true;
		}
		if (len > word + 1 && strcasecmp(name + len - word, words[i]) == 0 && name[len - word - 1] == '.') {
			*ret_start = name;
			*ret_len = len - word - 1;
			return true;
		}
	}
	return false;
}

static int survey_look(struct survey *survey, const char *dir, const char *below, size_t depth, struct error **err)
{
	cleanup_free char *path = path_join(dir, below);
	DIR *stream = opendir(path);
	int r = 0;

	if (!stream)
		return depth == 0 ? error_errno(err, ERROR_STATE, errno, "cannot read %s", path) : 0;
	for (struct dirent *entry; r == 0 && (entry = readdir(stream));) {
		cleanup_free char *relative = *below ? path_join(below, entry->d_name) : mem_strdup(entry->d_name);
		cleanup_free char *full = path_join(dir, relative);
		const char *start;
		struct stat st;
		size_t len;

		if (lstat(full, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX && !is_skipped(entry->d_name)) {
			r = survey_look(survey, dir, relative, depth + 1, err);
		} else if (S_ISREG(st.st_mode) && is_dockerfile(entry->d_name, &start, &len) && survey->len < FOUND_MAX) {
			mem_reserve(&survey->items, &survey->cap, survey->len + 1, sizeof(*survey->items));
			survey->items[survey->len++] = (struct found){ .path = steal_ptr(relative) };
		}
	}
	closedir(stream);
	return r;
}

char *survey_name(const char *word)
{
	struct buf name = { 0 };

	for (; *word; word++) {
		if (isalnum((unsigned char)*word))
			buf_char(&name, (char)tolower((unsigned char)*word));
		else if (name.len > 0 && name.data[name.len - 1] != '-')
			buf_char(&name, strchr("._", *word) ? *word : '-');
	}
	while (name.len > 0 && strchr("-._", name.data[name.len - 1]))
		name.data[--name.len] = '\0';
	if (name.len > 100)
		name.data[name.len = 100] = '\0';
	return buf_steal(&name);
}

/* The nearest folder whose name says what is in it; at the top, the project. */
static char *folder_name(const struct survey *survey, const char *path)
{
	cleanup_free char *dir = path_dir(path);
	cleanup_free char *name = NULL;

	if (strcmp(dir, ".") == 0)
		return mem_strdup(survey->project);
	name = survey_name(path_base(dir));
	return *name && !is_generic(name) ? steal_ptr(name) : folder_name(survey, dir);
}

/* Variants of one image rather than images of their own. */
static bool is_variant(const char *word)
{
	static const char *const words[] = { "dev",        "development", "prod",  "production", "test",
					     "tests",      "debug",       "ci",    "local",      "release",
					     "staging",    "alpine",      "slim",  "debian",     "ubuntu",
					     "distroless", "amd64",       "arm64", "multi",      "multiarch" };

	return LISTED(words, word);
}

static char *wanted_name(const struct survey *survey, const char *path)
{
	cleanup_free char *dir = path_dir(path);
	cleanup_free char *folder = folder_name(survey, path);
	cleanup_free char *piece = NULL, *word = NULL;
	const char *start = "";
	size_t len = 0;

	is_dockerfile(path_base(path), &start, &len);
	piece = mem_strndup(start, len);
	word = survey_name(piece);
	if (!*word)
		return steal_ptr(folder);
	if (!is_variant(word) && (strcmp(dir, ".") == 0 || is_generic(path_base(dir))))
		return steal_ptr(word);
	return mem_printf("%s-%s", folder, word);
}

static bool survey_is_taken(const struct survey *survey, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++) {
		if (strcmp(survey->items[i].name, name) == 0)
			return true;
	}
	return false;
}

static char *allowed_name(const struct survey *survey, const char *path)
{
	cleanup_free char *name = wanted_name(survey, path);

	return strcmp(name, "all") == 0 ? mem_printf("%s-image", name) : steal_ptr(name);
}

/* If a name is taken, it is prefixed with the parent folder's, then numbered. */
static void set_name(struct survey *survey, size_t number)
{
	struct found *found = &survey->items[number];
	cleanup_free char *name = allowed_name(survey, found->path);
	cleanup_free char *dir = path_dir(found->path);
	cleanup_free char *above = path_dir(dir);
	cleanup_free char *parent = survey_name(path_base(above));

	if (survey_is_taken(survey, number, name) && *parent) {
		char *longer = mem_printf("%s-%s", parent, name);

		free(name);
		name = longer;
	}
	found->name = arena_strdup(survey->arena, name);
	for (unsigned i = 2; survey_is_taken(survey, number, found->name); i++)
		found->name = arena_printf(survey->arena, "%s-%u", name, i);
}

static bool is_tree(const char *pattern)
{
	return LISTED(((const char *const[]){ "", ".", "./", "/" }), pattern);
}

static bool has_sources(const char *dir, const char *context, const struct dockerfile_use *use, size_t *ret_asked)
{
	*ret_asked = 0;
	for (size_t i = 0; i < use->sources_len; i++) {
		cleanup_free char *folder = path_join(dir, context);
		cleanup_free char *path = path_join(folder, use->sources[i].pattern);

		if (use->sources[i].context || strpbrk(use->sources[i].pattern, "*?[\\") ||
		    is_tree(use->sources[i].pattern))
			continue;
		++*ret_asked;
		if (!fs_exists(path))
			return false;
	}
	return true;
}

static bool copies_tree(const struct dockerfile_use *use)
{
	bool any = use->whole;

	for (size_t i = 0; i < use->sources_len; i++)
		any |= !use->sources[i].context && is_tree(use->sources[i].pattern);
	return any;
}

/* True when the folder is the root of a program or of the checkout. */
static bool is_top(const char *dir, const char *folder)
{
	static const char *const names[] = { ".dockerignore", "go.mod", "package.json", "Cargo.toml", ".git" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *below = path_join(folder, names[i]);
		cleanup_free char *path = path_join(dir, below);

		if (fs_exists(path))
			return true;
	}
	return false;
}

/* For a Dockerfile that copies everything: the nearest folder that is such a root. malloc'd, or NULL. */
static char *tree_context(const char *dir, const char *own)
{
	char *at = mem_strdup(own);

	while (!is_top(dir, at)) {
		char *above = strcmp(at, ".") == 0 ? NULL : path_dir(at);

		free(at);
		at = above;
		if (!at)
			return NULL;
	}
	return at;
}

/* The Dockerfile's folder, or the nearest parent that has the files which are copied. */
static void set_context(struct survey *survey, const char *dir, struct found *found, const struct dockerfile_use *use)
{
	cleanup_free char *own = path_dir(found->path);
	cleanup_free char *at = mem_strdup(own);
	size_t asked;

	found->context = arena_strdup(survey->arena, own);
	has_sources(dir, at, use, &asked);
	if (asked == 0 && copies_tree(use)) {
		cleanup_free char *top = tree_context(dir, own);

		if (top) {
			found->context = arena_strdup(survey->arena, top);
			return;
		}
	}
	for (;;) {
		bool fits = has_sources(dir, at, use, &asked);
		char *above;

		/* Without any hint: the folder itself, unless it only holds Dockerfiles. */
		if (fits && (asked > 0 || !is_generic(path_base(at)))) {
			found->context = arena_strdup(survey->arena, at);
			return;
		}
		if (strcmp(at, ".") == 0)
			return;
		above = path_dir(at);
		free(at);
		at = above;
	}
}

static void add_image(struct survey *survey, struct found *found, const struct dockerfile_image *image, const char *text)
{
	const char *written = arena_strndup(survey->arena, text + image->offset, image->length);
	struct ref ref;
	/* An argument without a value may leave an invalid name: "/base:". */
	bool told = ref_parse(image->name, &ref, NULL);
	const char *name = told ? image->name : written;

	if (told)
		ref_free(&ref);
	for (size_t i = 0; i < found->images_len; i++) {
		if (strcmp(found->images[i].name, name) == 0)
			return;
	}
	if (strcasecmp(name, "scratch") != 0)
		found->images[found->images_len++] = (struct found_image){ name, written };
}

static int survey_read_dockerfile(struct survey *survey, const char *dir, struct found *found, struct error **err)
{
	cleanup_free char *path = path_join(dir, found->path);
	cleanup_buf struct buf text = { 0 };
	struct dockerfile_options options = { 0 };
	struct dockerfile *dockerfile;
	struct dockerfile_facts facts;
	struct dockerfile_use use;
	int r;

	platform_host(&options.platform);
	platform_host(&options.build_platform);
	if (fs_read(path, DOCKERFILE_MAX, &text, err) < 0 ||
	    dockerfile_parse(text.data ? text.data : "", text.len, found->path, &dockerfile, err) < 0)
		return -1;
	dockerfile_facts(dockerfile, survey->arena, &facts);
	found->facts = facts;
	found->facts.health = arena_strdup(survey->arena, facts.health);
	found->facts.user = arena_strdup(survey->arena, facts.user);
	r = dockerfile_resolve(dockerfile, &options, survey->arena, &use, err);
	if (r == 0) {
		set_context(survey, dir, found, &use);
		found->images = arena_array(survey->arena, use.images_len, sizeof(*found->images));
		for (size_t i = 0; i < use.images_len; i++)
			add_image(survey, found, &use.images[i], text.data);
	}
	dockerfile_free(dockerfile);
	return r;
}

static int survey_compare(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

int survey_new(const char *dir, struct survey *ret, struct error **err)
{
	cleanup_free char *absolute = path_absolute(dir, err);
	cleanup_free char *project = absolute ? survey_name(path_base(absolute)) : NULL;

	*ret = (struct survey){ .arena = arena_new() };
	if (!absolute)
		return -1;
	ret->project = arena_strdup(ret->arena, *project ? project : "project");
	if (survey_look(ret, absolute, "", 0, err) < 0)
		return -1;
	qsort(ret->items, ret->len, sizeof(*ret->items), survey_compare);
	for (size_t i = 0; i < ret->len; i++) {
		struct error *problem = NULL;

		set_name(ret, i);
		if (survey_read_dockerfile(ret, absolute, &ret->items[i], &problem) < 0)
			ret->items[i].problem = arena_strdup(ret->arena, problem->message);
		error_free(problem);
	}
	for (size_t i = 0; i < ret->len; i++)
		survey_set_links(ret, i);
	return 0;
}

void survey_free(struct survey *survey)
{
	for (size_t i = 0; i < survey->len; i++)
		free(survey->items[i].path);
	free(survey->items);
	arena_free(survey->arena);
	*survey = (struct survey){ 0 };
}
