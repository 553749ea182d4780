#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/decode.h"
#include "dsl/matrix.h"
#include "dsl/node.h"

/* `matrix: {GO: ["1.21", "1.22"], variant: [a, b]}` makes one service for each combination; `exclude` removes some
 * and `include` adds some. */

struct matrix {
	struct decode *d;
	const char *names[MATRIX_VARS_MAX];
	const struct yaml_node *lists[MATRIX_VARS_MAX];
	size_t len;
	struct combo *combos; /* in the arena */
	size_t combos_len;
	size_t *tried;
};

static bool is_rule(const char *key)
{
	return !strcmp(key, "include") || !strcmp(key, "exclude");
}

/* A name that is valid in ${matrix.NAME}. */
static bool matrix_is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/* A single value, or a map of them. */
static bool matrix_check_value(struct decode *d, const char *name, const struct yaml_node *value)
{
	bool good = value->kind == NODE_SCALAR || value->kind == NODE_MAP;

	for (size_t i = 0; value->kind == NODE_MAP && i < value->len; i++)
		good = good && value->entries[i].value->kind == NODE_SCALAR && matrix_is_name(value->entries[i].key);
	if (!good && value->kind != NODE_BROKEN)
		diags_add(d->diags, value->pos, NULL, "a value of \"%s\" must be a single value, or a map of them", name);
	return good;
}

static bool take_variable(struct matrix *m, const struct entry *entry)
{
	struct decode *d = m->d;
	bool good = true;

	if (!matrix_is_name(entry->key)) {
		diags_add(d->diags, entry->pos,
			  "names consist of letters, digits and \"_\", and do not begin with a digit",
			  "\"%s\" cannot be the name of a variable", entry->key);
		return false;
	}
	if (m->len == MATRIX_VARS_MAX) {
		diags_add(d->diags, entry->pos, NULL, "a matrix has at most %d variables", MATRIX_VARS_MAX);
		return false;
	}
	if (entry->value->kind != NODE_LIST || !entry->value->len) {
		if (entry->value->kind != NODE_BROKEN)
			diags_add(d->diags, entry->value->pos, NULL, "\"%s\" must be a list of values", entry->key);
		return false;
	}
	for (size_t i = 0; i < entry->value->len; i++)
		good = matrix_check_value(d, entry->key, entry->value->items[i]) && good;
	m->names[m->len] = entry->key;
	m->lists[m->len++] = entry->value;
	return good;
}

static bool take_variables(struct matrix *m, const struct yaml_node *node)
{
	bool good = true;

	for (size_t i = 0; i < node->len; i++)
		if (!is_rule(node->entries[i].key))
			good = take_variable(m, &node->entries[i]) && good;
	if (good && !m->len)
		diags_add(m->d->diags, node->pos, "write {NAME: [value, ...]}", "the matrix has no variables");
	return good && m->len;
}

static bool matrix_add(struct matrix *m, const struct yaml_node **values, struct pos pos)
{
	if (m->combos_len == MATRIX_MAX) {
		diags_add(m->d->diags, pos, NULL, "the matrix makes more than %d services", MATRIX_MAX);
		return false;
	}
	m->combos[m->combos_len++] = (struct combo){ m->names, values, m->len };
	return true;
}

static size_t find_variable(const struct matrix *m, const struct entry *entry)
{
	const char *nearest;
	size_t i = 0;

	while (i < m->len && strcmp(m->names[i], entry->key) != 0)
		i++;
	if (i < m->len)
		return i;
	nearest = text_nearest(entry->key, m->names, m->len);
	diags_add(m->d->diags, entry->pos, nearest ? arena_printf(m->d->arena, "did you mean \"%s\"?", nearest) : NULL,
		  "the matrix has no variable \"%s\"", entry->key);
	return i;
}

/* The maps of a list; complains about anything else. */
static bool check_rules(struct matrix *m, const char *name, const struct yaml_node *rules)
{
	bool good = true;

	if (!rules || rules->kind == NODE_NULL)
		return false;
	if (rules->kind != NODE_LIST || rules->len > MATRIX_RULES_MAX) {
		if (rules->kind != NODE_BROKEN)
			diags_add(m->d->diags, rules->pos, NULL, "\"%s\" must be a list of at most %d maps", name,
				  MATRIX_RULES_MAX);
		return false;
	}
	for (size_t i = 0; i < rules->len; i++) {
		const struct yaml_node *rule = rules->items[i];

		if (rule->kind == NODE_MAP && rule->len)
			continue;
		good = false;
		if (rule->kind != NODE_BROKEN)
			diags_add(m->d->diags, rule->pos, "write {NAME: value}", "an item of \"%s\" must be a map", name);
	}
	return good;
}

static bool check_excludes(struct matrix *m, const struct yaml_node *excludes)
{
	bool good = true;

	for (size_t i = 0; i < excludes->len; i++)
		for (size_t j = 0; j < excludes->items[i]->len; j++)
			good = find_variable(m, &excludes->items[i]->entries[j]) < m->len && good;
	return good;
}

static bool matches(const struct matrix *m, const struct yaml_node *rule, const struct yaml_node *const *values)
{
	for (size_t i = 0; i < rule->len; i++)
		for (size_t j = 0; j < m->len; j++)
			if (!strcmp(m->names[j], rule->entries[i].key) && !node_equal(rule->entries[i].value, values[j]))
				return false;
	return true;
}

static bool is_excluded(const struct matrix *m, const struct yaml_node *excludes, const struct yaml_node *const *values)
{
	for (size_t i = 0; excludes && i < excludes->len; i++)
		if (matches(m, excludes->items[i], values))
			return true;
	return false;
}

/* The number of combinations; 0 after a complaint. */
static size_t matrix_count(struct matrix *m, struct pos pos)
{
	size_t product = 1;

	for (size_t i = 0; i < m->len && product <= MATRIX_TRIED_MAX; i++)
		product *= m->lists[i]->len;
	*m->tried += product;
	if (*m->tried <= MATRIX_TRIED_MAX)
		return product;
	diags_add(m->d->diags, pos, NULL, "there are more than %d combinations", MATRIX_TRIED_MAX);
	return 0;
}

/* Every combination that no rule excludes, in the order of an odometer. */
static bool matrix_multiply(struct matrix *m, const struct yaml_node *excludes, size_t product, struct pos pos)
{
	size_t at[MATRIX_VARS_MAX] = { 0 };

	for (size_t n = 0; n < product; n++) {
		const struct yaml_node *values[MATRIX_VARS_MAX], **kept;

		for (size_t i = 0; i < m->len; i++)
			values[i] = m->lists[i]->items[at[i]];
		if (!is_excluded(m, excludes, values)) {
			kept = arena_array(m->d->arena, m->len, sizeof(*kept));
			memcpy(kept, values, m->len * sizeof(*kept));
			if (!matrix_add(m, kept, pos))
				return false;
		}
		for (size_t i = m->len; i-- > 0;) {
			if (++at[i] < m->lists[i]->len)
				break;
			at[i] = 0;
		}
	}
	return true;
}

/* An additional combination: a value for each variable. */
static bool include(struct matrix *m, const struct yaml_node *rule)
{
	const struct yaml_node **values = arena_array(m->d->arena, m->len, sizeof(struct yaml_node *));
	bool good = true;

	for (size_t i = 0; i < rule->len; i++) {
		size_t at = find_variable(m, &rule->entries[i]);

		good = at < m->len && matrix_check_value(m->d, rule->entries[i].key, rule->entries[i].value) && good;
		if (at < m->len)
			values[at] = rule->entries[i].value;
	}
	for (size_t i = 0; good && i < m->len; i++) {
		if (values[i])
			continue;
		diags_add(m->d->diags, rule->pos, NULL, "this combination has no value for \"%s\"", m->names[i]);
		good = false;
	}
	return good && matrix_add(m, values, rule->pos);
}

struct combo *matrix_read(struct decode *d, const struct yaml_node *node, size_t *tried, size_t *ret_len)
{
	struct matrix *m = arena_alloc(d->arena, sizeof(*m)); /* the combinations point to its names */
	const struct yaml_node *excludes = node_get(node, "exclude"), *includes = node_get(node, "include");
	size_t product, room;
	bool good;

	m->d = d;
	m->tried = tried;
	if (node->kind != NODE_MAP) {
		if (node->kind != NODE_BROKEN)
			diags_add(d->diags, node->pos, "write {NAME: [value, ...]}",
				  "\"matrix\" must be a map of lists, but this is %s", node_type_name(node));
		return NULL;
	}
	product = take_variables(m, node) ? matrix_count(m, node->pos) : 0;
	if (!product)
		return NULL;
	room = product + MATRIX_RULES_MAX;
	m->combos = arena_array(d->arena, room < MATRIX_MAX ? room : MATRIX_MAX, sizeof(*m->combos));
	if (excludes && (!check_rules(m, "exclude", excludes) || !check_excludes(m, excludes)))
		excludes = NULL;
	good = matrix_multiply(m, excludes, product, node->pos);
	if (check_rules(m, "include", includes))
		for (size_t i = 0; good && i < includes->len; i++)
			good = include(m, includes->items[i]);
	if (good && !m->combos_len)
		diags_add(d->diags, node->pos, NULL, "the matrix excludes every combination");
	*ret_len = m->combos_len;
	return good && m->combos_len ? m->combos : NULL;
}

const char *combo_value(const struct combo *combo, const char *name)
{
	size_t len = strcspn(name, ".");

	for (size_t i = 0; i < combo->len; i++) {
		const struct yaml_node *value = combo->values[i];

		if (strlen(combo->names[i]) != len || strncmp(combo->names[i], name, len) != 0)
			continue;
		if (name[len])
			value = node_get(value, name + len + 1);
		return value && value->kind == NODE_SCALAR ? value->text : NULL;
	}
	return NULL;
}

const char *combo_text(struct arena *arena, const struct combo *combo)
{
	struct buf text cleanup_buf = { 0 };

	for (size_t i = 0; i < combo->len; i++) {
		const struct yaml_node *value = combo->values[i];

		buf_printf(&text, "%s%s=%s", i ? ", " : "", combo->names[i],
			   value->kind == NODE_SCALAR ? value->text : "{");
		for (size_t j = 0; value->kind == NODE_MAP && j < value->len; j++)
			buf_printf(&text, "%s%s: %s", j ? ", " : "", value->entries[j].key,
				   value->entries[j].value->text);
		if (value->kind == NODE_MAP)
			buf_char(&text, '}');
	}
	return arena_strdup(arena, text.data);
}

const char *combo_name(struct arena *arena, const char *service, const struct combo *combo)
{
	struct buf text cleanup_buf = { 0 };

	buf_str(&text, service);
	for (size_t i = 0; i < combo->len; i++) {
		if (combo->values[i]->kind != NODE_SCALAR)
			return NULL;
		buf_char(&text, '-');
		for (const char *s = combo->values[i]->text; *s; s++)
			buf_char(&text, isalnum((unsigned char)*s) || strchr("._-", *s) ? *s : '-');
	}
	return arena_strdup(arena, text.data);
}
