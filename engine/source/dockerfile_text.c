#include "config.h"

#include "engine/source/dockerfile_text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/source/dockerfile_word.h"

struct text_reader {
	const char *text;
	size_t len, at;
	const char *name;
	unsigned number; /* lines read */
	char escape;
	bool directives_done, escape_seen, other_seen[2];
	struct arena *arena;
	struct instruction *items;
	size_t items_len, items_cap;
	bool nested; /* inside ONBUILD */
	struct text_draft *draft;
};

/* A word being built, whose bytes may come from separate places in the file. */
struct text_draft {
	char *text;
	size_t *at;
	size_t len, cap, at_cap;
};

/* A logical line: continuations joined. */
struct line {
	char *text;
	size_t *at;
	size_t len, cap, at_cap;
	unsigned number;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/* The next physical line without its line ending; false at the end. */
static bool read_physical(struct text_reader *r, size_t *ret_start, size_t *ret_end)
{
	const char *newline;
	size_t end;

	if (r->at >= r->len)
		return false;
	newline = memchr(r->text + r->at, '\n', r->len - r->at);
	end = newline ? (size_t)(newline - r->text) : r->len;
	*ret_start = r->at;
	r->at = newline ? end + 1 : end;
	while (end > *ret_start && r->text[end - 1] == '\r')
		end--;
	*ret_end = end;
	r->number++;
	return true;
}

static size_t dockerfile_text_skip_space(const char *s, size_t start, size_t end)
{
	while (start < end && isspace((unsigned char)s[start]))
		start++;
	return start;
}

/* "name = value" in a comment. False when it is not one. */
static bool read_directive(const char *s, size_t start, size_t end, char name[16], size_t *ret_value, size_t *ret_end)
{
	size_t n = 0;

	start = dockerfile_text_skip_space(s, start, end);
	while (start < end && isalnum((unsigned char)s[start]) && n < 15 && (n > 0 || isalpha((unsigned char)s[start])))
		name[n++] = (char)tolower((unsigned char)s[start++]);
	name[n] = '\0';
	start = dockerfile_text_skip_space(s, start, end);
	if (n == 0 || start >= end || s[start] != '=')
		return false;
	start = dockerfile_text_skip_space(s, start + 1, end);
	while (end > start && isspace((unsigned char)s[end - 1]))
		end--;
	*ret_value = start;
	*ret_end = end;
	return end > start && (strcmp(name, "syntax") == 0 || strcmp(name, "escape") == 0 || strcmp(name, "check") == 0);
}

static int note_directive(struct text_reader *r, size_t start, size_t end, struct error **err)
{
	char name[16];
	size_t value, value_end;
	bool *seen;

	if (r->directives_done)
		return 0;
	if (start >= end || r->text[start] != '#' || !read_directive(r->text, start + 1, end, name, &value, &value_end)) {
		r->directives_done = true;
		return 0;
	}
	seen = name[0] == 'e' ? &r->escape_seen : &r->other_seen[name[0] == 's'];
	if (*seen)
		return error_make(err, ERROR_USAGE, "%s:%u: only one %s parser directive can be used", r->name,
				  r->number, name);
	*seen = true;
	if (name[0] != 'e')
		return 0;
	if (value_end - value != 1 || !strchr("\\`", r->text[value]))
		return error_make(err, ERROR_USAGE, "%s:%u: the escape directive takes ` or \\", r->name, r->number);
	r->escape = r->text[value];
	return 0;
}

/* True when the line continues; *end is then before the escape character. */
static bool continues(const struct text_reader *r, size_t start, size_t *end)
{
	size_t i = *end;

	while (i > start && (r->text[i - 1] == ' ' || r->text[i - 1] == '\t'))
		i--;
	if (i == start || r->text[i - 1] != r->escape || (i - 1 > start && r->text[i - 2] == r->escape))
		return false;
	*end = i - 1;
	return true;
}

static void line_add(struct line *line, const struct text_reader *r, size_t start, size_t end)
{
	mem_reserve(&line->text, &line->cap, line->len + (end - start) + 1, 1);
	mem_reserve(&line->at, &line->at_cap, line->len + (end - start) + 1, sizeof(*line->at));
	for (size_t i = start; i < end; i++) {
		line->text[line->len] = r->text[i];
		line->at[line->len++] = i;
	}
	line->text[line->len] = '\0';
}

/* Appends lines until one does not end in the escape character; comments and empty lines in between are skipped. */
static int read_continued(struct text_reader *r, struct line *line, struct error **err)
{
	size_t start, end, first;
	bool more = true;

	while (more && read_physical(r, &start, &end)) {
		first = dockerfile_text_skip_space(r->text, start, end);
		if (note_directive(r, start, end, err) < 0)
			return -1;
		if (first == end || r->text[first] == '#')
			continue;
		more = continues(r, start, &end);
		line_add(line, r, start, end);
	}
	return 0;
}

/* 1 with a logical line, 0 at the end. */
static int read_logical(struct text_reader *r, struct line *line, struct error **err)
{
	size_t start, end;

	line->len = 0;
	while (read_physical(r, &start, &end)) {
		bool more;

		start = dockerfile_text_skip_space(r->text, start, end);
		if (note_directive(r, start, end, err) < 0)
			return -1;
		if (start < end && r->text[start] == '#')
			continue;
		more = continues(r, start, &end);
		if (!more && start == end)
			continue;
		line->number = r->number;
		line_add(line, r, start, end);
		if (more && read_continued(r, line, err) < 0)
			return -1;
		return 1;
	}
	return 0;
}

static void add_token(struct arena *arena, struct token **items, size_t *len, const char *text, size_t text_len,
		      const size_t *at)
{
	struct token *grown;

	if ((*len & (*len - 1)) == 0 || *len == 0) { /* a power of two: full */
		grown = arena_array(arena, *len ? *len * 2 : 1, sizeof(*grown));
		if (*len)
			memcpy(grown, *items, *len * sizeof(*grown));
		*items = grown;
	}
	(*items)[(*len)++] = (struct token){ arena_strndup(arena, text, text_len), text_len, at };
}

static void draft_add(struct text_draft *draft, char c, size_t at)
{
	mem_reserve(&draft->text, &draft->cap, draft->len + 1, 1);
	mem_reserve(&draft->at, &draft->at_cap, draft->len + 1, sizeof(*draft->at));
	draft->text[draft->len] = c;
	draft->at[draft->len++] = at;
}

/* Makes a token of the word; `keep` when the positions of its bytes matter. */
static void draft_done(struct text_reader *r, struct token **items, size_t *len, bool keep)
{
	struct text_draft *draft = r->draft;
	size_t *at = NULL;

	if (keep && draft->len > 0) {
		at = arena_array(r->arena, draft->len, sizeof(*at));
		memcpy(at, draft->at, draft->len * sizeof(*at));
	}
	add_token(r->arena, items, len, draft->len ? draft->text : "", draft->len, at);
}

/* "--flag" words before the arguments, with quotes and escapes resolved. Returns where the arguments begin. */
static size_t read_flags(struct text_reader *r, struct instruction *in, const char *s, const size_t *at, size_t i,
			 size_t len)
{
	for (;;) {
		struct text_draft *draft = r->draft;
		bool quoted = false;
		char quote = '\0';

		i = dockerfile_text_skip_space(s, i, len);
		if (i + 1 >= len || s[i] != '-' || s[i + 1] != '-')
			return i;
		draft->len = 0;
		for (; i < len; i++) {
			if (!quote && isspace((unsigned char)s[i]))
				break;
			if (quote ? s[i] == quote : (s[i] == '"' || s[i] == '\'')) {
				quote = quote ? '\0' : s[i];
				quoted = true;
				continue;
			}
			if (s[i] == r->escape && ++i == len)
				break;
			draft_add(draft, s[i], at[i]);
		}
		if (draft->len == 2 && !quoted)
			return i; /* "--" ends the flags */
		draft_done(r, &in->flags, &in->flags_len, true);
	}
}

/* Words separated by blanks, without any quoting. */
static void read_plain_words(struct text_reader *r, struct instruction *in, const char *s, const size_t *at, size_t i,
			     size_t len)
{
	while (i < len) {
		size_t start = i;

		while (i < len && !blank(s[i]))
			i++;
		add_token(r->arena, &in->args, &in->args_len, s + start, i - start, at + start);
		while (i < len && blank(s[i]))
			i++;
	}
}

/* Words of ARG and ENV: quotes and escapes hold a word together and are kept in it. */
static size_t read_quoted_word(struct text_reader *r, const char *s, size_t i, size_t len, struct text_draft *draft)
{
	char quote = '\0';

	for (; i < len; i++) {
		if (!quote && isspace((unsigned char)s[i]))
			break;
		if (s[i] == r->escape && quote != '\'') {
			if (i + 1 == len)
				break; /* an escape at the end is dropped */
			draft_add(draft, s[i], i);
			i++;
		} else if (quote ? s[i] == quote : (s[i] == '"' || s[i] == '\'')) {
			quote = quote ? '\0' : s[i];
		}
		draft_add(draft, s[i], i);
	}
	return i < len && isspace((unsigned char)s[i]) ? i : len;
}

static void read_quoted_words(struct text_reader *r, struct instruction *in, const char *s, size_t i, size_t len)
{
	while ((i = dockerfile_text_skip_space(s, i, len)) < len) {
		r->draft->len = 0;
		i = read_quoted_word(r, s, i, len, r->draft);
		if (r->draft->len > 0)
			draft_done(r, &in->args, &in->args_len, false);
	}
}

/* ENV: "name=value ..." or the old "name value". The words become pairs. */
static void dockerfile_text_read_env(struct text_reader *r, struct instruction *in, const char *s, size_t i, size_t len)
{
	struct token *words;
	size_t words_len, end = i;

	read_quoted_words(r, in, s, i, len);
	words = in->args;
	words_len = in->args_len;
	in->args = NULL;
	in->args_len = 0;
	if (words_len > 0 && !strchr(words[0].text, '=')) {
		while (end < len && !blank(s[end]))
			end++;
		in->bad = end == len;
		add_token(r->arena, &in->args, &in->args_len, s + i, end - i, NULL);
		while (end < len && blank(s[end]))
			end++;
		add_token(r->arena, &in->args, &in->args_len, s + end, len - end, NULL);
		return;
	}
	for (size_t w = 0; w < words_len; w++) {
		const char *equals = strchr(words[w].text, '=');

		if (!equals || equals == words[w].text) {
			in->bad = true;
			continue;
		}
		add_token(r->arena, &in->args, &in->args_len, words[w].text, (size_t)(equals - words[w].text), NULL);
		add_token(r->arena, &in->args, &in->args_len, equals + 1, strlen(equals + 1), NULL);
	}
	in->bad |= words_len == 0;
}

/* True when the arguments are a JSON array of strings; with `add` they are added. */
static bool read_json_words(struct text_reader *r, struct instruction *in, const char *s, size_t len, bool add)
{
	cleanup_json struct json *json = NULL;

	if (len == 0 || s[0] != '[' || json_parse(s, len, "", &json, NULL) < 0 || !json_is_array(json))
		return false;
	for (size_t i = 0; i < json_len(json); i++) {
		const char *word = json_text(json_at(json, i));

		if (!word)
			in->bad = true;
		else if (add)
			add_token(r->arena, &in->args, &in->args_len, word, strlen(word), NULL);
	}
	return true;
}

static void read_instruction(struct text_reader *r, struct instruction *in, const char *s, const size_t *at, size_t len,
			     bool *ret_heredoc);

/* Instructions whose text is kept but not split. */
static bool dockerfile_text_is_kept(const char *name)
{
	static const char *const names[] = { "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "USER", "WORKDIR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void read_args(struct text_reader *r, struct instruction *in, const char *s, const size_t *at, size_t i,
		      size_t len, bool *ret_heredoc)
{
	const char *name = in->name;

	if (strcmp(name, "FROM") == 0) {
		read_plain_words(r, in, s, at, i, len);
	} else if (strcmp(name, "COPY") == 0 || strcmp(name, "ADD") == 0) {
		*ret_heredoc = !read_json_words(r, in, s + i, len - i, true);
		if (*ret_heredoc)
			read_plain_words(r, in, s, at, i, len);
	} else if (strcmp(name, "RUN") == 0) {
		*ret_heredoc = !read_json_words(r, in, s + i, len - i, false);
	} else if (strcmp(name, "ARG") == 0) {
		read_quoted_words(r, in, s, i, len);
		in->bad = in->args_len == 0;
	} else if (strcmp(name, "ENV") == 0) {
		dockerfile_text_read_env(r, in, s, i, len);
	} else if (strcmp(name, "ONBUILD") == 0 && i < len && !r->nested) {
		in->rest = arena_strndup(r->arena, s + i, len - i);
		r->nested = true;
		in->trigger = arena_alloc(r->arena, sizeof(*in->trigger));
		in->trigger->line = in->line;
		read_instruction(r, in->trigger, s + i, at + i, len - i, ret_heredoc);
		in->bad = strcmp(in->trigger->name, "ONBUILD") == 0 || strcmp(in->trigger->name, "FROM") == 0 ||
			  strcmp(in->trigger->name, "MAINTAINER") == 0;
		r->nested = false;
	} else if (dockerfile_text_is_kept(name)) {
		in->rest = arena_strndup(r->arena, s + i, len - i);
	}
}

/* s[0..len) is one logical line; *ret_heredoc says whether "<<" has a meaning in it. */
static void read_instruction(struct text_reader *r, struct instruction *in, const char *s, const size_t *at, size_t len,
			     bool *ret_heredoc)
{
	size_t i = dockerfile_text_skip_space(s, 0, len), start = i;
	char *name;

	while (len > i && isspace((unsigned char)s[len - 1]))
		len--;
	while (i < len && !blank(s[i]))
		i++;
	name = arena_strndup(r->arena, s + start, i - start);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	in->name = name;
	in->at = r->nested || start == len ? SIZE_MAX : at[start];
	i = read_flags(r, in, s, at, i, len);
	i = dockerfile_text_skip_space(s, i, len);
	read_args(r, in, s, at, i, len, ret_heredoc);
}

/* Skips the lines of a line's heredocs. *ret_any: it has some. */
static int skip_heredocs(struct text_reader *r, const struct line *line, bool *ret_any, struct error **err)
{
	size_t words_len;
	char **words = word_split(line->text, &words_len);
	int status = 0;

	for (size_t i = 0; status == 0 && i < words_len; i++) {
		bool chomp = false, ended = false;
		cleanup_free char *end_word = word_heredoc(words[i], &chomp);
		size_t start, end;

		if (!end_word)
			continue;
		*ret_any = true;
		while (!ended && read_physical(r, &start, &end)) {
			while (chomp && start < end && r->text[start] == '\t')
				start++;
			ended = end - start == strlen(end_word) && memcmp(r->text + start, end_word, end - start) == 0;
		}
		if (!ended)
			status = error_make(err, ERROR_USAGE, "%s:%u: the heredoc that ends with \"%s\" is not ended",
					    r->name, line->number, end_word);
	}
	word_list_free(words, words_len);
	return status;
}

/* The "# syntax=" line, in the forms that BuildKit recognises; "{" begins a JSON frontend's input. */
static const char *find_syntax(const char *text, size_t len, struct arena *arena)
{
	static const char *const signs[] = { "#", "//" };
	struct text_reader shebang = { .text = text, .len = len };
	size_t start, end, value, value_end, first = 0;
	char name[16];

	if (len >= 2 && text[0] == '#' && text[1] == '!' && read_physical(&shebang, &start, &end))
		first = shebang.at;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		struct text_reader r = { .text = text, .len = len, .at = first };
		size_t sign = strlen(signs[i]);

		while (read_physical(&r, &start, &end)) {
			if (end - start < sign || memcmp(text + start, signs[i], sign) != 0 ||
			    !read_directive(text, start + sign, end, name, &value, &value_end))
				break;
			if (strcmp(name, "syntax") != 0)
				continue;
			for (end = value; end < value_end && text[end] != ' ';)
				end++;
			return arena_strndup(arena, text + value, end - value);
		}
	}
	return len > 0 && text[dockerfile_text_skip_space(text, 0, len - 1)] == '{' ? "{" : NULL;
}

static int dockerfile_text_read_all(struct text_reader *r, struct line *line, struct error **err)
{
	int status;

	while ((status = read_logical(r, line, err)) > 0) {
		struct instruction in = { .line = line->number };
		size_t *at = arena_array(r->arena, line->len + 1, sizeof(*at));
		bool heredoc = false;

		memcpy(at, line->at, line->len * sizeof(*at));
		read_instruction(r, &in, line->text, at, line->len, &heredoc);
		if (heredoc && strstr(line->text, "<<") && skip_heredocs(r, line, &in.heredoc, err) < 0)
			return -1;
		mem_reserve(&r->items, &r->items_cap, r->items_len + 1, sizeof(*r->items));
		r->items[r->items_len++] = in;
	}
	return status;
}

/* A token is a C string: replace NUL by another control character without meaning. */
static const char *without_nul(const char *text, size_t len, struct arena *arena)
{
	char *copy;

	if (len == 0 || !memchr(text, '\0', len))
		return text;
	copy = arena_array(arena, len, 1);
	for (size_t i = 0; i < len; i++)
		copy[i] = text[i] ? text[i] : '\x01';
	return copy;
}

int dockerfile_text_parse(const char *text, size_t len, const char *name, struct arena *arena, struct instructions *ret,
			  struct error **err)
{
	struct text_reader r = { .len = len, .name = name, .escape = '\\', .arena = arena };
	struct text_draft draft = { 0 };
	struct line line = { 0 };
	int status;

	text = without_nul(text, len, arena);
	r.text = text;
	r.draft = &draft;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3;
	*ret = (struct instructions){ .syntax = find_syntax(text + r.at, len - r.at, arena) };
	status = dockerfile_text_read_all(&r, &line, err);
	ret->escape = r.escape;
	ret->len = r.items_len;
	ret->items = arena_array(arena, r.items_len ? r.items_len : 1, sizeof(*ret->items));
	if (r.items_len)
		memcpy(ret->items, r.items, r.items_len * sizeof(*ret->items));
	free(r.items);
	free(line.text);
	free(line.at);
	free(draft.text);
	free(draft.at);
	return status;
}
