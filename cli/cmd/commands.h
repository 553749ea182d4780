#ifndef CLI_CMD_COMMANDS_H
#define CLI_CMD_COMMANDS_H

struct command;
struct error;
struct options;

/* The table of all commands, for main; everything else gets it as options->commands. */
const struct command *command_table(void);

int cmd_build(const struct options *options, struct error **err);
int cmd_tag(const struct options *options, struct error **err);
int cmd_verify_signature(const struct options *options, struct error **err);
int cmd_attach(const struct options *options, struct error **err);
int cmd_join(const struct options *options, struct error **err);
int cmd_lock(const struct options *options, struct error **err);
int cmd_push(const struct options *options, struct error **err);
int cmd_inspect(const struct options *options, struct error **err);
int cmd_login(const struct options *options, struct error **err);
int cmd_logout(const struct options *options, struct error **err);
int cmd_verify(const struct options *options, struct error **err);
int cmd_images(const struct options *options, struct error **err);
int cmd_why(const struct options *options, struct error **err);
int cmd_graph(const struct options *options, struct error **err);
int cmd_hash(const struct options *options, struct error **err);
int cmd_affected(const struct options *options, struct error **err);
int cmd_context(const struct options *options, struct error **err);
int cmd_list(const struct options *options, struct error **err);
int cmd_log(const struct options *options, struct error **err);
int cmd_history(const struct options *options, struct error **err);
int cmd_report(const struct options *options, struct error **err);
int cmd_up(const struct options *options, struct error **err);
int cmd_ps(const struct options *options, struct error **err);
int cmd_logs(const struct options *options, struct error **err);
int cmd_exec(const struct options *options, struct error **err);
int cmd_run(const struct options *options, struct error **err);
int cmd_port(const struct options *options, struct error **err);
int cmd_stop(const struct options *options, struct error **err);
int cmd_restart(const struct options *options, struct error **err);
int cmd_down(const struct options *options, struct error **err);
int cmd_watch(const struct options *options, struct error **err);
int cmd_stats(const struct options *options, struct error **err);
int cmd_clean(const struct options *options, struct error **err);
int cmd_prune(const struct options *options, struct error **err);
int cmd_fsck(const struct options *options, struct error **err);
int cmd_check(const struct options *options, struct error **err);
int cmd_load(const struct options *options, struct error **err);
int cmd_doctor(const struct options *options, struct error **err);
int cmd_schema(const struct options *options, struct error **err);
int cmd_init(const struct options *options, struct error **err);
int cmd_import(const struct options *options, struct error **err);
int cmd_export(const struct options *options, struct error **err);
int cmd_completion(const struct options *options, struct error **err);
int cmd_version(const struct options *options, struct error **err);
int cmd_help(const struct options *options, struct error **err);

#endif
