#include "core/conform/conform.h"
char *conform_html(const struct aios_conform *c, size_t *len)
{
	(void)c;
	*len = 0;
	return NULL;
}
