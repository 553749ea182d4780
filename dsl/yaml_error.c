#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "dsl/yaml_error.h"

/* Cases where libyaml's own words mislead. `at_context`: the user must change the place where the construct began,
 * not where the parser noticed. */
struct phrase {
	const char *problem;
	const char *context; /* part of it; NULL: any */
	bool at_context;
	const char *say;
	const char *hint;
};

static const struct phrase phrases[] = {
	{ "could not find expected ':'", "simple key", true, "expected \":\" after this key",
	  "a line that continues a value must be indented further than its key" },
	{ "mapping values are not allowed in this context", NULL, false, "\":\" is not allowed here",
	  "indent the line like its neighbours, or quote a value that contains \": \"" },
	{ "did not find expected key", "block mapping", false, "this line does not fit the map around it",
	  "all keys of a map have the same indentation" },
	{ "did not find expected '-' indicator", NULL, false, "this line does not fit the list around it",
	  "all items of a list start with \"- \", with the same indentation" },
	{ "block sequence entries are not allowed in this context", NULL, false, "a list item is not allowed here",
	  "start the list on the line below its key" },
	{ "did not find expected ',' or ']'", NULL, true, "this list is not closed with \"]\"", NULL },
	{ "did not find expected ',' or '}'", NULL, true, "this map is not closed with \"}\"", NULL },
	{ "did not find expected node content", NULL, false, "expected a value or a closing bracket here", NULL },
	{ "found unexpected end of stream", "quoted scalar", true, "this quote is never closed", NULL },
	{ "found unexpected document indicator", "quoted scalar", true, "this quote is never closed", NULL },
	{ "found unknown escape character", NULL, false, "unknown escape in a text in double quotes",
	  "write \"\\\\\" for a backslash, or use single quotes" },
	{ "found duplicate %YAML directive", NULL, false, "a second %YAML directive", NULL },
	{ "did not find expected alphabetic or numeric character", "alias", true,
	  "a value that starts with \"*\" is an alias", "quote the value if it is meant as text" },
	{ "did not find expected alphabetic or numeric character", "anchor", true,
	  "a value that starts with \"&\" is an anchor", "quote the value if it is meant as text" },
};

static size_t byte_of(const char *text, size_t len, size_t index)
{
	size_t offset = 0;

	for (size_t i = 0; i < index && offset < len; i++) {
		offset++;
		while (offset < len && (text[offset] & 0xc0) == 0x80)
			offset++;
	}
	return offset;
}

static const struct phrase *find_phrase(const struct yaml_fault *fault)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (!strcmp(phrases[i].problem, fault->problem) &&
		    (!phrases[i].context || (fault->context && strstr(fault->context, phrases[i].context))))
			return &phrases[i];
	return NULL;
}

/* Moves back from the end of the text and from blank lines to something that can be quoted. */
static size_t onto_text(const char *text, size_t len, size_t offset)
{
	if (offset > len)
		offset = len;
	if (offset < len && text[offset] != '\n')
		return offset;
	while (offset > 0 && strchr(" \t\r\n", text[offset - 1]))
		offset--;
	return offset;
}

static void complain_reader(struct diags *diags, uint32_t file, const char *text, size_t len,
			    const struct yaml_fault *fault)
{
	/* The reader's offset counts what it has read ahead, so search for the byte. */
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			diags_add(diags, diags_pos_at(diags, file, i), NULL,
				  "the control character \\x%02x is not allowed", c);
			return;
		}
	}
	diags_add(diags, diags_pos_at(diags, file, fault->offset), NULL, "not valid YAML: %s", fault->problem);
}

void yaml_complain(struct diags *diags, uint32_t file, const char *text, size_t len, const struct yaml_fault *fault)
{
	const struct phrase *phrase;
	size_t offset, context;
	struct pos pos, context_pos;

	if (!fault->problem) {
		diags_add(diags, (struct pos){ file, 1, 1 }, NULL, "not valid YAML");
		return;
	}
	if (fault->reader) {
		complain_reader(diags, file, text, len, fault);
		return;
	}
	phrase = find_phrase(fault);
	offset = byte_of(text, len, fault->index);
	context = byte_of(text, len, fault->context_index);
	pos = diags_pos_at(diags, file, onto_text(text, len, offset));
	context_pos = diags_pos_at(diags, file, onto_text(text, len, context));
	if (!phrase && offset < len && text[offset] == '\t') {
		diags_add(diags, pos, "indent with spaces", "a tab cannot indent a line");
		return;
	}
	if (!phrase && offset < len && !strcmp(fault->problem, "found character that cannot start any token")) {
		diags_add(diags, pos, "quote the value", "a value cannot start with \"%c\"", text[offset]);
		return;
	}
	if (!phrase) {
		diags_add(diags, pos, NULL, "not valid YAML: %s", fault->problem);
		return;
	}
	diags_add(diags, phrase->at_context ? context_pos : pos, phrase->hint, "%s", phrase->say);
	if (phrase->at_context && strstr(phrase->problem, "',' or"))
		diags_note(diags, pos, "expected a comma or the closing bracket here");
}

/* Length of the valid UTF-8 sequence at `s`, or 0. */
static size_t sequence(const unsigned char *s, size_t len)
{
	size_t need = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!need || need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

/* libyaml compares each directive with all previous ones. */
static bool directives_complain(struct diags *diags, uint32_t file, const char *text, size_t len)
{
	size_t offset = 0, count = 0;

	while (offset < len && strchr(" \t\r\n#%", text[offset])) {
		const char *end = memchr(text + offset, '\n', len - offset);

		if (text[offset] == '%' && ++count > YAML_DIRECTIVES_MAX) {
			diags_add(diags, diags_pos_at(diags, file, offset), NULL, "there are more than %d directives",
				  YAML_DIRECTIVES_MAX);
			return true;
		}
		offset = end ? (size_t)(end - text) + 1 : len;
	}
	return false;
}

bool yaml_bytes_complain(struct diags *diags, uint32_t file, const char *text, size_t len)
{
	size_t offset = 0;

	if (text_utf8(text, len))
		return directives_complain(diags, file, text, len);
	while (offset < len && text[offset]) {
		size_t n = sequence((const unsigned char *)text + offset, len - offset);

		if (!n)
			break;
		offset += n;
	}
	if (offset < len && text[offset])
		diags_add(diags, diags_pos_at(diags, file, offset), NULL, "the byte \\x%02x is not valid UTF-8",
			  (unsigned char)text[offset]);
	else
		diags_add(diags, diags_pos_at(diags, file, offset), NULL, "the file contains a NUL byte");
	return true;
}
