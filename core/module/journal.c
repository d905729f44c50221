// SPDX-License-Identifier: Apache-2.0
/* journal.c - what became of every candidate, as data and as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/module/internal.h"

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

bool module_report(const struct module_registry *reg, size_t index, struct aios_module_report *out)
{
	const struct module *module;

	if (index >= reg->n_modules)
		return false;
	module = reg->modules[index];
	*out = (struct aios_module_report){
		.kind = module->kind,
		.accepted = module->state != MODULE_REFUSED,
		.loaded = module->state == MODULE_LOADED,
		.name = or_empty(module->name),
		.path = module_path(module),
		.reason = or_empty(module->reason),
		.abi = or_empty(module->abi),
		.isa = or_empty(module->info.isa),
		.needs = or_empty(module->needs),
		.license = or_empty(module->info.license),
		.description = or_empty(module->info.description),
		.version = or_empty(module->info.version),
	};
	return true;
}

static void print_folders(const struct module_registry *reg, uint32_t kind, FILE *out)
{
	fprintf(out, "looked in:\n");
	for (size_t i = 0; i < reg->n_folders; i++) {
		const struct module_folder *folder = &reg->folders[i];

		if (kind && folder->drivers != (kind == AIOS_KIND_DRIVER))
			continue;
		fprintf(out, "  %s (%s): ", folder->path, folder->origin);
		if (folder->err)
			fprintf(out, "%s\n", strerror(-folder->err));
		else
			fprintf(out, "%u file%s\n", folder->files, folder->files == 1 ? "" : "s");
	}
}

static void print_candidate(const struct module *module, FILE *out)
{
	const char *kind = module_kind_name(module->kind);

	fprintf(out, "  %-9s %-12s %s: ", kind ? kind : "?", module->name, module_path(module));
	if (module->state == MODULE_REFUSED)
		fprintf(out, "refused: %s\n", or_empty(module->reason));
	else if (module->reason)
		fprintf(out, "not chosen: %s\n", module->reason);
	else
		fprintf(out, "%s\n", module->state == MODULE_LOADED ? "loaded" : "found");
}

char *module_explain(const struct module_registry *reg, uint32_t kind)
{
	unsigned n = 0;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_folders(reg, kind, out);
	fprintf(out, "candidates:\n");
	for (size_t i = 0; i < reg->n_modules; i++) {
		const struct module *module = reg->modules[i];

		/* A file of no known kind may have been meant as one of this. */
		if (kind && module->kind && module->kind != kind)
			continue;
		print_candidate(module, out);
		n++;
	}
	if (!n)
		fprintf(out, "  none\n");
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
