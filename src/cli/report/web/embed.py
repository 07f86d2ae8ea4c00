"""Makes the template of the page, with style and scripts in it, into a C++ source file.

    embed.py OUTPUT REPORT_HTML STYLE_CSS SCRIPT_JS...

REPORT_HTML has @STYLE@ and @SCRIPT@ where they go, and @TITLE@ and @NUMBERS@ where html.cc puts its own.
"""

import sys

DELIMITER = "PAGE"
MOST_BYTES = 8000  # of one literal; compilers need not take more than 65,536


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def template(html, style, scripts):
    for mark in ("@STYLE@", "@SCRIPT@", "@TITLE@", "@NUMBERS@"):
        if html.count(mark) != 1 or mark in style + scripts:
            sys.exit(f"embed.py: {mark} must be once in the template, and nowhere else")
    if html.index("@TITLE@") > html.index("@NUMBERS@"):
        sys.exit("embed.py: @TITLE@ comes before @NUMBERS@")
    if "</" in scripts and "</script" in scripts.lower():
        sys.exit("embed.py: a script ends its own element")
    return html.replace("@STYLE@", style).replace("@SCRIPT@", scripts)


def literals(text):
    if f'){DELIMITER}"' in text:
        sys.exit("embed.py: choose another delimiter")
    for start in range(0, len(text), MOST_BYTES):
        yield f'R"{DELIMITER}({text[start:start + MOST_BYTES]}){DELIMITER}"'


def main(output, html, style, *scripts):
    page = template(read(html), read(style), "".join(read(script) for script in scripts))
    with open(output, "w", encoding="utf-8") as file:
        file.write("// Made by embed.py from the files beside it.\n#include <string_view>\n\nnamespace tsnap::cli {\n\n")
        file.write("extern const std::string_view kReportTemplate;\nconst std::string_view kReportTemplate =\n")
        file.write("\n".join(literals(page)))
        file.write(";\n\n}  // namespace tsnap::cli\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
