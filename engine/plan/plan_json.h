#ifndef ENGINE_PLAN_PLAN_JSON_H
#define ENGINE_PLAN_PLAN_JSON_H

#include <stdbool.h>

struct buf;
struct json;
struct node;
struct plan;

/* The current plan as JSON; docs/plan-json.md describes the format. */
void plan_json(struct plan *plan, bool indent, struct buf *out);
/* A node's reasons: a list that the caller owns. */
struct json *plan_reasons_json(const struct node *node);

#endif
