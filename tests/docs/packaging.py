#!/usr/bin/env python3
"""Recipes of packages (docs/packaging) know every option and every dependency of the build, and nothing else; they are loaded with stand-ins for
Spack and EasyBuild.

    packaging.py SOURCE_ROOT
"""

import itertools
import pathlib
import re
import sys
import types

# What the build asks for, and what it is called in Spack, EasyBuild and Debian.
DEPENDENCIES = {
    "CLI11": ("cli11", "CLI11", "libcli11-dev"),
    "flatbuffers": ("flatbuffers", "flatbuffers", "libflatbuffers-dev"),
    "fmt": ("fmt", "fmt", "libfmt-dev"),
    "hdf5": ("hdf5", "HDF5", "libhdf5-openmpi-dev"),
    "libcrypto": ("openssl", "OpenSSL", "libssl-dev"),
    "libcurl": ("curl", "cURL", "libcurl4-openssl-dev"),
    "libisal": ("isa-l", "ISA-L", "libisal-dev"),
    "liblz4": ("lz4", "lz4", "liblz4-dev"),
    "libxxhash": ("xxhash", "xxHash", "libxxhash-dev"),
    "libzstd": ("zstd", "zstd", "libzstd-dev"),
    "mpi": ("mpi", None, "libopenmpi-dev"),   # EasyBuild's toolchain has it
    "nlohmann_json": ("nlohmann-json", "nlohmann_json", "nlohmann-json3-dev"),
    "pugixml": ("pugixml", "pugixml", "libpugixml-dev"),
}
NO_PACKAGE = {"PETSc", "threads", "criterion", "libpng", "benchmark", "dl"}   # of the system, of tests, of examples
BINDINGS = ("fortran", "python")


def options_of(source):
    """The options of the build: their names, and the values that each may have."""
    text = (source / "meson_options.txt").read_text(encoding="utf-8")
    options = {}
    for name, kind, rest in re.findall(r"^option\('(\w+)', type: '(\w+)'(.*)$", text, re.M):
        choices = re.search(r"choices: \[([^\]]*)\]", rest)
        options[name] = {"feature": {"enabled", "disabled", "auto"}, "combo": set(re.findall(r"'(\w+)'", choices[1])) if choices else set(),
                         "boolean": {"true", "false"}}[kind]
    return options


def dependencies_of(source):
    text = "".join(file.read_text(encoding="utf-8") for file in [source / "meson.build", *(source / "src").rglob("meson.build")])
    return set(re.findall(r"\bdependency\('([^']+)'", text)) - NO_PACKAGE | {"hdf5"}


class Spec:
    """A spec of Spack: variants that are on, and the MPI."""

    def __init__(self, on, mpi):
        self.on, self.mpi, self.version = on, mpi, "0"

    def satisfies(self, text):
        if text.startswith("+"):
            return text[1:] in self.on
        return text == f"^[virtuals=mpi] {self.mpi}"


def spack_recipe(path):
    """The class of a package.py, and what its directives were given."""
    said = []
    package = types.ModuleType("spack.package")
    package.MesonPackage = type("MesonPackage", (), {})
    for directive in ("version", "variant", "depends_on", "conflicts", "requires", "extends", "license"):
        setattr(package, directive, lambda *args, directive=directive, **words: said.append((directive, args, words)))
    package.which = lambda *_: None
    names = {"spack": types.ModuleType("spack"), "spack.package": package}
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        space = {}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return space["Tsnap"], said


def settings_problems(where, settings, options, absent):
    """`settings` are -D words: each option once, with a value that it may have; options of bindings that this tree lacks are allowed."""
    given = [word[2:].partition("=")[::2] for word in settings]
    names = [name for name, _ in given]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"{where}: {name} is set {names.count(name)} times"
        if name not in options and name not in absent:
            yield f"{where}: there is no option {name}"
    for name, value in given:
        if name in options and value not in options[name]:
            yield f"{where}: {name} cannot be {value!r}"
    for name in sorted(set(options) - set(names)):
        yield f"{where}: option {name} is not set"


def spack_problems(source, options, absent, wanted):
    recipe, said = spack_recipe(source / "docs/packaging/spack/package.py")
    variants = {args[0] for directive, args, _ in said if directive == "variant"}
    if variants != set(recipe.OPTIONS):
        yield f"package.py: variants and OPTIONS differ: {sorted(variants ^ set(recipe.OPTIONS))}"
    mapped = [*recipe.OPTIONS.values(), *recipe.FIXED, *recipe.DERIVED]
    yield from settings_problems("package.py", [f"-D{name}={sorted(options.get(name, {'?'}))[0]}" for name in mapped], options, absent)
    for on in itertools.chain([()], ([one] for one in variants), [variants]):
        for mpi in ("openmpi", "mpich", "cray-mpich"):
            package = recipe()
            package.spec = Spec(set(on), mpi)
            yield from settings_problems(f"package.py with {sorted(on)}", package.meson_args(), options, absent)
            for variant in variants:
                if (f"-D{recipe.OPTIONS[variant]}=enabled" in package.meson_args()) != (variant in on):
                    yield f"package.py: {variant} does nothing"
    for directive, args, words in said:
        for name in re.findall(r"[+~](\w+)", words.get("when", "")):
            if name not in variants:
                yield f"package.py: {directive}{args} asks for a variant {name}"
    depends = {re.match(r"[\w-]+", args[0])[0] for directive, args, _ in said if directive == "depends_on"}
    yield from (f"package.py does not depend on {DEPENDENCIES[name][0]}" for name in wanted if DEPENDENCIES[name][0] not in depends)


def easybuild_problems(source, version, options, absent, wanted):
    recipe, = (source / "docs/packaging/easybuild").glob("*.eb")
    space = {"SOURCE_TAR_GZ": "tsnap.tar.gz", "SYSTEM": {"name": "system", "version": "system"}}
    exec(compile(recipe.read_text(encoding="utf-8"), str(recipe), "exec"), space)
    toolchain = space["toolchain"]
    if recipe.name != f"{space['name']}-{space['version']}-{toolchain['name']}-{toolchain['version']}.eb":
        yield f"{recipe.name} is not what EasyBuild would look for"
    if space["version"] != version:
        yield f"{recipe.name}: the version is {version}"
    yield from settings_problems(recipe.name, space["configopts"].split(), options, absent)
    depends = {words[0] for words in space["dependencies"] + space["builddependencies"]} | {None}
    yield from (f"{recipe.name} does not depend on {DEPENDENCIES[name][1]}" for name in wanted if DEPENDENCIES[name][1] not in depends)


def debian_problems(source, version, options, wanted):
    folder = source / "docs/packaging/debian"
    rules = (folder / "rules").read_text(encoding="utf-8")
    # Bindings are switched off where they are: the rules look for them themselves.
    settings = re.findall(r"-D(?!b_)\w+=\w+", rules.split("dh_auto_configure --", 1)[1]) + [f"-D{name}=disabled" for name in BINDINGS if name in options]
    yield from settings_problems("debian/rules", settings, options, ())
    if not re.search(r"\(" + r"\|".join(BINDINGS) + r"\)", rules):
        yield "debian/rules does not look for the bindings"
    if (folder / "changelog").read_text(encoding="utf-8").split()[1] != f"({version}-1)":
        yield f"debian/changelog: the version is {version}"
    depends = set(re.findall(r"[\w.+-]+", (folder / "control").read_text(encoding="utf-8").split("Build-Depends:")[1].split("\n\n")[0]))
    yield from (f"debian/control does not build-depend on {DEPENDENCIES[name][2]}" for name in wanted if DEPENDENCIES[name][2] not in depends)


def check_the_checker(options):
    """A checker that finds nothing would always pass."""
    right = [f"-D{name}={sorted(values)[0]}" for name, values in options.items()]
    wrong = {"an option more": right + ["-Dno_such=enabled"], "an option less": right[1:], "a value": [right[0].split("=")[0] + "=no", *right[1:]],
             "an option twice": right + right[:1]}
    missed = [what for what, settings in wrong.items() if len(list(settings_problems("", settings, options, ()))) != 1]
    if missed or list(settings_problems("", right + ["-Dpython=enabled"] * ("python" not in options), options, ("python",))):
        sys.exit(f"packaging.py does not see what it must: {missed}")


def main(source):
    options = options_of(source)
    version = re.search(r"version: '([^']+)'", (source / "meson.build").read_text(encoding="utf-8"))[1]
    absent = [name for name in BINDINGS if name not in options and not (source / "bindings" / name).is_dir()]
    check_the_checker(options)
    wanted = dependencies_of(source)
    problems = [f"which packages have {name}? Say so in tests/docs/packaging.py and in the recipes" for name in sorted(wanted - set(DEPENDENCIES))]
    problems += [f"the build does not ask for {name} any more" for name in sorted(set(DEPENDENCIES) - wanted)]
    wanted = sorted(wanted & set(DEPENDENCIES))
    problems += spack_problems(source, options, absent, wanted)
    problems += easybuild_problems(source, version, options, absent, wanted)
    problems += debian_problems(source, version, options, wanted)
    print("\n".join(dict.fromkeys(problems)) or f"{len(options)} options, {len(wanted)} dependencies")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
