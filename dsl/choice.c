#include "config.h"

#include "dsl/choice.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"

bool choice_find(const struct word_choice *choice, const struct text *text, struct diags *diags, struct arena *arena,
		 size_t *ret)
{
	const char *nearest;

	for (*ret = 0; *ret < choice->len; (*ret)++)
		if (strcmp(choice->names[*ret], text->s) == 0)
			return true;
	nearest = text_nearest(text->s, choice->names, choice->len);
	diags_add(diags, text->pos, nearest ? arena_printf(arena, "did you mean \"%s\"?", nearest) : choice->help,
		  "%s\"%s\"%s", choice->before, text->s, choice->after);
	return false;
}
