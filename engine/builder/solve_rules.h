#ifndef ENGINE_BUILDER_SOLVE_RULES_H
#define ENGINE_BUILDER_SOLVE_RULES_H

struct arena;
struct build_job;
struct control_solve;

/* Fills the rules of a Solve: what a build fetches is what it is held to, and where BuildKit knows it by another name than we think, the
 * build fails. None when nothing is held to anything. */
void solve_rules(struct arena *arena, const struct build_job *job, struct control_solve *ret);

#endif
