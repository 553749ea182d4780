#include "config.h"

#include "engine/exec/event.h"

#include "base/bug.h"
#include "base/table.h"

bool outcome_good(enum outcome outcome)
{
	return outcome == OUTCOME_DONE || outcome == OUTCOME_FRESH || outcome == OUTCOME_REUSED;
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = { "done", "fresh", "reused", "failed", "skipped", "cancelled", "outdated" };
	TABLE_COMPLETE(names, OUTCOMES);

	bug_if(outcome >= OUTCOMES, "outcome %d", (int)outcome);
	return names[outcome];
}
