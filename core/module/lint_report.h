/* SPDX-License-Identifier: Apache-2.0 */
/* lint_report.h - the report of aios_lint() while it is made. */
#ifndef CORE_MODULE_LINT_REPORT_H
#define CORE_MODULE_LINT_REPORT_H

#include <aios/aios.h>

#include "core/module/elf.h"
#include "core/module/modinfo.h"

struct lint_text;

/* `report` is what the caller gets; the arrays it points to are these. */
struct lint_report {
	struct aios_lint_report report; /* first: freed by way of it */
	struct aios_lint_finding *findings;
	struct aios_lint_item *items;
	size_t finding_room, item_room;
	struct lint_text *texts; /* every string of the report */
	bool failed;             /* memory was short: something is missing */
};

/* A copy that lives as long as the report; "" for NULL, and when memory is short. */
const char *lint_keep(struct lint_report *r, const char *text);

void lint_find(struct lint_report *r, uint32_t level, const char *rule, const char *fmt, ...)
	AIOS_PRINTF(4, 5);
void lint_item(struct lint_report *r, const struct aios_lint_item *item);

/* lint_advise.c: warnings and notes that are no rules, on metadata, symbols and libraries. */
void lint_advise(struct lint_report *r, const struct elf *elf, const struct modinfo *info);

/* lint_load.c: AIOS_LINT_LOAD. */
int lint_load(struct lint_report *r, uint32_t timeout_ms, struct aios_status *st);

#endif /* CORE_MODULE_LINT_REPORT_H */
