#ifndef ENGINE_REGISTRY_LOGINS_H
#define ENGINE_REGISTRY_LOGINS_H

struct credentials;
struct error;
struct loop;

/* The logins of a run: each registry's is looked for once, however many builds and daemons ask. Any thread. */
struct logins;
struct logins *logins_new(struct loop *loop);
void logins_free(struct logins *logins); /* NULL-safe */
/* As credentials_find, for no particular repository. *ret is valid until logins_free. */
int logins_find(struct logins *logins, const char *domain, const struct credentials **ret, struct error **err);

#endif
