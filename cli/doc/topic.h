#ifndef CLI_DOC_TOPIC_H
#define CLI_DOC_TOPIC_H

/* The topics of `cbuild help TOPIC`, which are also sections of the manual page. */

struct term {
	const char *term;
	const char *meaning;
};

struct topic {
	const char *name;
	const char *title;        /* of the manual page's section, in capitals */
	const char *summary;      /* a line */
	const char *text;         /* paragraphs, separated by empty lines; literal text in `...`; or NULL */
	const struct term *terms; /* ends with a NULL term; or NULL */
};

const struct topic *topic_table(void); /* ends with a NULL name */
const struct topic *topic_find(const char *name);

#endif
