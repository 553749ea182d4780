#ifndef ENGINE_SOURCE_DOCKERFILE_WORD_H
#define ENGINE_SOURCE_DOCKERFILE_WORD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Words of a Dockerfile: quotes, escapes and variables, as BuildKit's shell lexer reads them. */

enum word_found { WORD_UNSET, WORD_SET, WORD_UNKNOWN };

struct word_env {
	/* The value of a variable (borrowed); WORD_UNKNOWN when only the builder can know it. */
	enum word_found (*get)(void *data, const char *name, const char **ret_value);
	void *data;
};

/* Expands `source` and appends the result to `out`. *ret_unknown is set when an unknown value or an unsupported
 * form takes part. Negative for what builders refuse. */
int word_expand(const char *source, char escape, const struct word_env *env, struct buf *out, bool *ret_unknown);

/* The words of a line with quotes, escapes and variables unchanged, to look for heredocs. Empty when the line is
 * malformed. free() each and the array. */
char **word_split(const char *line, size_t *ret_len);
void word_list_free(char **words, size_t len);

/* "<<EOF", "<<-'EOF'", "3<<EOF": the name that ends the heredoc (malloc'd), or NULL when `word` does not begin one. */
char *word_heredoc(const char *word, bool *ret_chomp);

#endif
