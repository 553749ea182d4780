#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dsl/words.h"

/* Reads one word from *at into `word`. Returns what is wrong, or NULL. */
static const char *read_word(const char **at, struct buf *word)
{
	const char *s = *at;
	char quote = 0;

	for (; *s; s++) {
		if (quote) {
			if (*s == quote)
				quote = 0;
			else if (quote == '"' && *s == '\\' && s[1] && strchr("\"\\$`\n", s[1]))
				buf_char(word, *++s);
			else
				buf_char(word, *s);
		} else if (*s == '"' || *s == '\'') {
			quote = *s;
		} else if (*s == '\\') {
			if (!s[1])
				return "it ends with a backslash";
			buf_char(word, *++s);
		} else if (strchr(" \t\r\n", *s)) {
			break;
		} else {
			buf_char(word, *s);
		}
	}
	*at = s;
	return quote ? "a quote in it is never closed" : NULL;
}

const char *words_split(struct arena *arena, const char *line, const char ***ret_words, size_t *ret_len)
{
	struct buf word cleanup_buf = { 0 };
	const char **words = arena_array(arena, strlen(line) / 2 + 1, sizeof(*words));
	size_t len = 0;

	for (;;) {
		const char *why;

		line += strspn(line, " \t\r\n");
		if (!*line)
			break;
		buf_reset(&word);
		why = read_word(&line, &word);
		if (why)
			return why;
		words[len++] = arena_strndup(arena, word.data ? word.data : "", word.len);
	}
	*ret_words = words;
	*ret_len = len;
	return NULL;
}
