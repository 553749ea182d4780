#ifndef CLI_REPORT_HTML_STYLE_H
#define CLI_REPORT_HTML_STYLE_H

/* The report's style sheet: light and dark, for wide and narrow windows and for paper. */
extern const char html_style[];

#endif
