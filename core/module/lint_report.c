// SPDX-License-Identifier: Apache-2.0
/* lint_report.c - aios_lint(): every rule of the loader at once, and what the file has in it. */
#include "core/module/lint_report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/module/elf_detail.h"
#include "core/module/file.h"
#include "core/module/lint.h"

#define LINT_DEADLINE_MS 10000

struct lint_text {
	struct lint_text *next;
	char bytes[];
};

/* ---- building ---------------------------------------------------------------- */

const char *lint_keep(struct lint_report *r, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	struct lint_text *kept;

	if (size < 2)
		return "";
	kept = malloc(sizeof(*kept) + size);
	if (!kept) {
		r->failed = true;
		return "";
	}
	memcpy(kept->bytes, text, size);
	kept->next = r->texts;
	r->texts = kept;
	return kept->bytes;
}

/* Room for one more of `size` bytes each, or NULL. */
static void *grow(struct lint_report *r, void *list, size_t n, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 32;
	void *grown;

	if (n < *room)
		return list;
	grown = realloc(list, wanted * size);
	if (!grown)
		r->failed = true;
	else
		*room = wanted;
	return grown;
}

void lint_find(struct lint_report *r, uint32_t level, const char *rule, const char *fmt, ...)
{
	struct aios_lint_finding *list =
		grow(r, r->findings, r->report.n_findings, &r->finding_room, sizeof(*list));
	char text[AIOS_STATUS_MESSAGE];
	va_list ap;

	if (!list)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->findings = list;
	list[r->report.n_findings++] = (struct aios_lint_finding){
		.level = level,
		.rule = lint_keep(r, rule),
		.message = lint_keep(r, text),
	};
	r->report.n_errors += level == AIOS_LINT_ERROR;
	r->report.n_warnings += level == AIOS_LINT_WARNING;
}

void lint_item(struct lint_report *r, const struct aios_lint_item *item)
{
	struct aios_lint_item *list =
		grow(r, r->items, r->report.n_items, &r->item_room, sizeof(*list));

	if (!list)
		return;
	r->items = list;
	list[r->report.n_items] = *item;
	list[r->report.n_items].name = lint_keep(r, item->name);
	list[r->report.n_items].remark = lint_keep(r, item->remark);
	r->report.n_items++;
}

/* ---- what the file has ------------------------------------------------------- */

static void take_metadata(struct lint_report *r, const struct modinfo *info)
{
	struct aios_lint_report *out = &r->report;

	out->kind = info->kind;
	out->kind_name = lint_keep(r, info->kind_text);
	out->name = lint_keep(r, info->name);
	out->abi = lint_keep(r, info->abi);
	out->sanitizer = lint_keep(r, info->sanitizer);
	out->isa = lint_keep(r, info->isa);
	out->license = lint_keep(r, info->license);
	out->description = lint_keep(r, info->description);
	out->author = lint_keep(r, info->author);
	out->version = lint_keep(r, info->version);
}

static void take_symbols(struct lint_report *r, const struct elf *elf, const struct modinfo *info)
{
	for (uint64_t i = 1; i < elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(elf, i);
		struct aios_lint_item item = { .name = symbol.name, .good = true };

		if (symbol.bind == STB_LOCAL)
			continue;
		item.kind = symbol.defined ? AIOS_LINT_EXPORT : AIOS_LINT_IMPORT;
		if (symbol.defined && symbol.bind == STB_GNU_UNIQUE)
			item.remark = "STB_GNU_UNIQUE";
		else if (symbol.defined && !lint_export_allowed(&symbol, info))
			item.remark = "must be hidden";
		else if (!symbol.defined && lint_import_ends_process(symbol.name))
			item.remark = "ends the process";
		item.good = !item.remark;
		lint_item(r, &item);
	}
}

static bool take_writable(void *ctx, const struct elf_writable *w)
{
	struct lint_report *r = ctx;

	lint_item(r, &(struct aios_lint_item){
			     .kind = w->object ? AIOS_LINT_OBJECT : AIOS_LINT_SECTION,
			     .good = true,
			     .name = w->name,
			     .remark = w->object ? w->section : "",
			     .bytes = w->bytes,
		     });
	return !r->failed;
}

static void take_facts(struct lint_report *r, const struct elf *elf)
{
	struct elf_hardening hard = elf_hardening(elf);
	struct aios_lint_report *out = &r->report;

	out->init_array = elf->init_array;
	out->fini_array = elf->fini_array;
	if (__builtin_add_overflow(elf->writable, elf->tls, &out->writable_bytes))
		out->writable_bytes = UINT64_MAX;
	out->relro = hard.relro;
	out->bind_now = hard.bind_now;
	out->exec_stack = hard.exec_stack;
	out->text_relocations = hard.text_relocations;
	out->stripped = !hard.symbols;
	elf_each_writable(elf, take_writable, r);
}

/* ---- the rules --------------------------------------------------------------- */

static void refuse(struct lint_report *r, const char *rule, const struct aios_status *why)
{
	if (!r->report.n_errors)
		r->report.reason = lint_keep(r, why->message);
	lint_find(r, AIOS_LINT_ERROR, rule, "%s", why->message);
}

static void apply_rules(struct lint_report *r, const struct lint_subject *subject)
{
	const char *rule;
	int code;

	for (unsigned i = 0;; i++) {
		struct aios_status own = { 0 };

		rule = lint_rule(i, subject, &code, &own);
		if (!rule)
			return;
		if (code)
			refuse(r, rule, &own);
	}
}

/* The file's bytes through every stage that they pass. */
static void examine(struct lint_report *r, const char *path, const struct file_map *map)
{
	struct aios_status own = { 0 };
	struct lint_subject subject = { .path = path, .file = &map->info };
	struct modinfo info;
	struct elf elf;
	int rc;

	if (elf_parse(&elf, map->data ? map->data : (const uint8_t *)"", map->size, &own)) {
		refuse(r, "ADP-1", &own);
		return;
	}
	take_facts(r, &elf);
	if (!elf.modinfo) {
		aios_fail(&own, -ENOEXEC, "no section .aios.modinfo: not an AIOS module");
		refuse(r, "ADP-2", &own);
		return;
	}
	rc = modinfo_parse(&info, elf.modinfo, elf.modinfo_size, &own);
	if (rc == -ENOMEM) {
		r->failed = true;
	} else if (rc) {
		refuse(r, "ADP-2", &own);
	} else {
		subject.elf = &elf;
		subject.info = &info;
		take_metadata(r, &info);
		take_symbols(r, &elf, &info);
		apply_rules(r, &subject);
		lint_advise(r, &elf, &info);
	}
	modinfo_finish(&info);
}

int aios_lint(const char *path, uint32_t flags, uint32_t timeout_ms, struct aios_lint_report **out,
	      struct aios_status *st)
{
	static const char *const none = "";
	struct lint_report *r;
	struct aios_status own = { 0 };
	struct file_map map;
	char real[PATH_MAX], abi[40];
	int rc;

	if (!realpath(path, real))
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	rc = file_map(&map, real, &own);
	if (rc)
		return aios_fail(st, rc, "%s: %s", path, own.message);
	r = calloc(1, sizeof(*r));
	if (!r) {
		file_unmap(&map);
		return aios_fail(st, -ENOMEM, "%s: no memory for a report", path);
	}
	r->report = (struct aios_lint_report){
		.reason = none,
		.kind_name = none,
		.name = none,
		.abi = none,
		.isa = none,
		.license = none,
		.description = none,
		.author = none,
		.version = none,
		.sanitizer = none,
		.file_bytes = map.size,
	};
	snprintf(abi, sizeof(abi), "%d.%d:0x%08x", AIOS_ABI_MAJOR, AIOS_ABI_MINOR, AIOS_ABI_HASH);
	r->report.path = lint_keep(r, real);
	r->report.core_abi = lint_keep(r, abi);
	r->report.writable_limit = LINT_WRITABLE_MAX;
	examine(r, real, &map);
	file_unmap(&map);
	/* Code that the loader would not let in does not run here either. */
	if (flags & AIOS_LINT_LOAD && !r->report.n_errors)
		rc = lint_load(r, timeout_ms ? timeout_ms : LINT_DEADLINE_MS, st);
	if (!rc && r->failed)
		rc = aios_fail(st, -ENOMEM, "%s: no memory for a report", path);
	r->report.findings = r->findings;
	r->report.items = r->items;
	if (rc)
		aios_lint_free(&r->report);
	else
		*out = &r->report;
	return rc;
}

void aios_lint_free(struct aios_lint_report *report)
{
	struct lint_report *r = (struct lint_report *)report;

	if (!r)
		return;
	while (r->texts) {
		struct lint_text *next = r->texts->next;

		free(r->texts);
		r->texts = next;
	}
	free(r->findings);
	free(r->items);
	free(r);
}
