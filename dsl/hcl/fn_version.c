#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* semvercmp(): versions against constraints such as ">= 1.2, < 2 || ~1.0". */

struct semver {
	long numbers[3];
	size_t given;    /* numbers that were written; the others are 0 */
	char before[64]; /* the pre-release, or "" */
};

static bool is_wildcard(const char *s)
{
	return *s == 'x' || *s == 'X' || *s == '*';
}

/* Behind the numbers: "-pre.release" and "+build". */
static bool parse_semver_rest(const char *s, struct semver *ret)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";
	size_t len;

	if (*s == '-') {
		len = strspn(++s, allowed);
		if (!len || len >= sizeof(ret->before))
			return false;
		memcpy(ret->before, s, len);
		s += len;
	}
	if (*s == '+')
		s += 1 + strspn(s + 1, allowed);
	return !*s;
}

static bool parse_semver(const char *s, bool constraint, struct semver *ret)
{
	bool wild = false;

	*ret = (struct semver){ 0 };
	s += *s == 'v';
	for (size_t i = 0; i < 3; i++) {
		size_t len = strspn(s, "0123456789");

		if (constraint && !len && is_wildcard(s)) {
			wild = true;
			s++;
		} else if (len && len < 18) {
			if (!wild)
				ret->numbers[ret->given++] = strtol(s, NULL, 10);
			s += len;
		} else {
			return false;
		}
		if (*s != '.')
			break;
		s++;
	}
	return parse_semver_rest(s, ret);
}

/* One after the other: numbers by value, and before words. */
static int compare_before(const char *a, const char *b)
{
	if (!*a || !*b)
		return *a ? -1 : *b ? 1 : 0;
	while (*a && *b) {
		size_t one = strcspn(a, "."), other = strcspn(b, ".");
		bool number = strspn(a, "0123456789") >= one, also = strspn(b, "0123456789") >= other;
		int order = strncmp(a, b, one < other ? one : other);

		if (number != also)
			return number ? -1 : 1;
		if (number && one != other)
			return one < other ? -1 : 1;
		if (order || one != other)
			return order ? order : one < other ? -1 : 1;
		a += one + (a[one] == '.');
		b += other + (b[other] == '.');
	}
	return *a ? 1 : *b ? -1 : 0;
}

static int compare_semver(const struct semver *a, const struct semver *b)
{
	for (size_t i = 0; i < 3; i++)
		if (a->numbers[i] != b->numbers[i])
			return a->numbers[i] < b->numbers[i] ? -1 : 1;
	return compare_before(a->before, b->before);
}

/* Whether the first numbers are the same, as far as the constraint says them. */
static bool same_numbers(const struct semver *v, const struct semver *c, size_t len)
{
	for (size_t i = 0; i < len && i < c->given; i++)
		if (v->numbers[i] != c->numbers[i])
			return false;
	return true;
}

static bool meets_caret(const struct semver *v, const struct semver *c)
{
	if (compare_semver(v, c) < 0)
		return false;
	if (c->numbers[0] > 0 || c->given < 2)
		return same_numbers(v, c, 1);
	if (c->numbers[1] > 0 || c->given < 3)
		return same_numbers(v, c, 2);
	return same_numbers(v, c, 3);
}

static bool meets(const struct semver *v, const char *op, const struct semver *c)
{
	int order = compare_semver(v, c);
	bool partial = c->given < 3;

	if (*v->before && !*c->before && strcmp(op, "!=") != 0)
		return false;
	if (!*op || !strcmp(op, "="))
		return partial ? same_numbers(v, c, 3) : order == 0;
	if (!strcmp(op, "!="))
		return partial ? !same_numbers(v, c, 3) : order != 0;
	if (!strcmp(op, ">"))
		return order > 0 && !(partial && same_numbers(v, c, 3));
	if (!strcmp(op, "<"))
		return order < 0;
	if (!strcmp(op, ">=") || !strcmp(op, "=>"))
		return order >= 0;
	if (!strcmp(op, "<=") || !strcmp(op, "=<"))
		return order <= 0 || (partial && same_numbers(v, c, 3));
	if (*op == '^')
		return meets_caret(v, c);
	return order >= 0 && same_numbers(v, c, 2);
}

/* A constraint of one part at `*s`: 1 met, 0 not, -1 malformed. */
static int meets_one(const struct semver *v, const char **s)
{
	static const char *const ops[] = { "!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^", "" };
	size_t op = 0, len;
	cleanup_free char *word = NULL;
	struct semver c;

	while (strncmp(*s, ops[op], strlen(ops[op])) != 0)
		op++;
	*s += strlen(ops[op]);
	*s += strspn(*s, " ");
	len = strcspn(*s, " ,|");
	word = mem_strndup(*s, len);
	*s += len;
	if (!parse_semver(word, true, &c))
		return -1;
	return meets(v, ops[op], &c);
}

/* The second half of "1.2 - 2.3", at the blank behind the first: 1 met, 0 not, -1 malformed. */
static int meets_hyphen(const struct semver *v, const char *first, const char **s)
{
	cleanup_free char *low = mem_strndup(first, (size_t)(*s - first)), *high = NULL;
	struct semver from, to;
	size_t len;

	*s += strspn(*s, " ") + 1;
	*s += strspn(*s, " ");
	len = strcspn(*s, " ,|");
	high = mem_strndup(*s, len);
	*s += len;
	if (!parse_semver(low, true, &from) || !parse_semver(high, true, &to))
		return -1;
	return meets(v, ">=", &from) && meets(v, "<=", &to);
}

/* Parts joined by commas or blanks, up to "||". */
static int meets_all(const struct semver *v, const char **s)
{
	int all = 1, parts = 0;

	for (*s += strspn(*s, " "); **s && **s != '|'; *s += strspn(*s, " ,")) {
		const char *first = *s;
		int one = meets_one(v, s);

		if (**s == ' ' && (*s)[strspn(*s, " ")] == '-')
			one = meets_hyphen(v, first, s);
		if (one < 0)
			return -1;
		all = all && one;
		parts++;
	}
	return parts ? all : -1;
}

static const struct hcl_value *fn_semvercmp(struct hcl_call *c)
{
	const char *s = c->args[1]->text;
	struct semver version;
	bool any = false;

	if (!parse_semver(c->args[0]->text, false, &version))
		return hcl_refuse(c, 0, "\"%s\" is not a version", c->args[0]->text);
	for (;;) {
		int one = meets_all(&version, &s);

		if (one < 0 || (*s && strncmp(s, "||", 2) != 0))
			return hcl_refuse(c, 1, "\"%s\" is not a constraint of versions", c->args[1]->text);
		any = any || one;
		if (!*s)
			return hcl_bool(any);
		s += 2;
	}
}

const struct hcl_function_row hcl_version_functions[] = {
	{ "semvercmp", fn_semvercmp, "ss" },
	{ 0 },
};
