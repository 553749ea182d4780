#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/resolve.h"

/* Attestations: how an image was built and what is in it, in the notation of compose and buildx. */

static bool is_no(const char *s)
{
	return !*s || !strcmp(s, "false") || !strcmp(s, "disabled=true");
}

static void take_provenance(struct resolve *r, const struct text *text, struct build_spec *build)
{
	static const struct {
		const char *text;
		enum provenance provenance;
	} words[] = { { "true", PROVENANCE_MIN },
		      { "min", PROVENANCE_MIN },
		      { "mode=min", PROVENANCE_MIN },
		      { "max", PROVENANCE_MAX },
		      { "mode=max", PROVENANCE_MAX } };

	if (!text->s || is_no(text->s))
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].text, text->s))
			build->provenance = words[i].provenance;
	if (!build->provenance)
		diags_add(r->diags, text->pos, "it is \"min\", \"max\", true or false", "there is no provenance \"%s\"",
			  text->s);
}

static void take_sbom(struct resolve *r, const struct text *text, struct build_spec *build)
{
	static const char generator[] = "generator=";

	if (!text->s || is_no(text->s))
		return;
	build->sbom = true;
	if (!strncmp(text->s, generator, strlen(generator)) && text->s[strlen(generator)] && !strpbrk(text->s, ", \t\n"))
		build->sbom_generator = text->s + strlen(generator);
	else if (strcmp(text->s, "true") != 0)
		diags_add(r->diags, text->pos, "it is true, false or \"generator=IMAGE\"", "there is no sbom \"%s\"",
			  text->s);
}

void resolve_attestations(struct resolve *r, const struct draft_build *draft, struct build_spec *build)
{
	take_provenance(r, &draft->provenance, build);
	take_sbom(r, &draft->sbom, build);
}
