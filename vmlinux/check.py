#!/usr/bin/python3
"""Compares vmlinux.h with the type information of the running kernel.

    check.py vmlinux.h [BTF]        BTF: /sys/kernel/btf/vmlinux, or a file from another kernel

Each field that the programs read must be there, with a type of the same kind and width. A field
whose comment begins with "optional" may be missing, and a type that has no others: the programs ask for it
first. So may everything of a struct with a flavour (struct x___old), which is compared with the
kernel's struct x.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

BPFTOOL = next((p for p in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool") if os.path.exists(p)), "bpftool")
MODIFIERS = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")


class Types:
    """All types of one BTF, by number and by name."""

    def __init__(self, path):
        out = subprocess.run([BPFTOOL, "-j", "btf", "dump", "file", path], check=True,
                             capture_output=True, text=True).stdout
        self.by_id = {t["id"]: t for t in json.loads(out)["types"]}
        self.by_name = {}
        for t in self.by_id.values():
            if t["kind"] in ("STRUCT", "UNION", "TYPEDEF") and t["name"] != "(anon)":
                self.by_name.setdefault(t["name"], t)

    def resolve(self, number):
        """Without typedefs and qualifiers; None for void."""
        while number:
            t = self.by_id[number]
            if t["kind"] not in MODIFIERS:
                return t
            number = t["type_id"]
        return None

    def record(self, name):
        t = self.by_name.get(name)
        return self.resolve(t["id"]) if t else None

    def member(self, record, name):
        """By name, also inside anonymous members, as the loader searches."""
        for m in record["members"]:
            if m["name"] == name:
                return m
            inner = self.resolve(m["type_id"])
            if m["name"] == "(anon)" and inner and inner["kind"] in ("STRUCT", "UNION"):
                found = self.member(inner, name)
                if found:
                    return found
        return None


def describe(types, t):
    if t is None:
        return "void"
    if t["kind"] == "PTR":
        return "pointer"
    if t["kind"] == "ARRAY":
        return "%s[%d]" % (describe(types, types.resolve(t["type_id"])), t["nr_elems"])
    if t["kind"] in ("INT", "ENUM", "ENUM64"):
        return "%d-byte number" % t["size"]
    return "%s %s" % (t["kind"].lower(), t.get("name"))


def difference(ours, a, theirs, b):
    """Why a program built for type a would read type b wrongly; None when it would not."""
    kinds = {"ENUM": "INT", "ENUM64": "INT"}
    ka, kb = (kinds.get(t["kind"], t["kind"]) if t else "VOID" for t in (a, b))
    said = "here %s, in the kernel %s" % (describe(ours, a), describe(theirs, b))
    if ka != kb:
        return said
    if ka == "INT" and a["size"] != b["size"]:
        # The loader narrows a load of an unsigned long on 32-bit machines.
        return None if "long unsigned" in (a["name"], b["name"]) or a["name"] == "unsigned long" else said
    if ka == "ARRAY":
        if a["nr_elems"] != b["nr_elems"]:
            return said
        return difference(ours, ours.resolve(a["type_id"]), theirs, theirs.resolve(b["type_id"]))
    if ka in ("STRUCT", "UNION") and a["name"] != "(anon)" and b["name"] != "(anon)" \
            and a["name"] != b["name"]:
        return said
    return None


class Check:
    def __init__(self, ours, theirs, optional):
        self.ours, self.theirs, self.optional = ours, theirs, optional
        self.faults, self.notes, self.compared = [], [], 0

    def missing(self, what, allowed, why):
        (self.notes if allowed else self.faults).append("%s: %s" % (what, why))

    def record(self, name):
        kernel_name, _, flavour = name.partition("___")
        there = self.theirs.record(kernel_name)
        if there is None or "members" not in there:
            fields = self.ours.record(name)["members"]
            self.missing(name, flavour or all((name, m["name"]) in self.optional for m in fields),
                         "the kernel has no such type")
            return
        self.members(name, self.ours.record(name), there, bool(flavour))

    def members(self, path, here, there, flavour):
        for m in here["members"]:
            where = "%s.%s" % (path, m["name"])
            a = self.ours.resolve(m["type_id"])
            if m["name"] == "(anon)":
                self.members(path, a, there, flavour)
                continue
            found = self.theirs.member(there, m["name"])
            if not found:
                self.missing(where, flavour or (path, m["name"]) in self.optional,
                             "the kernel has no such field")
                continue
            self.compared += 1
            b = self.theirs.resolve(found["type_id"])
            why = difference(self.ours, a, self.theirs, b)
            if not why and bool(m.get("bitfield_size")) != bool(found.get("bitfield_size")):
                why = "a bit field on one side only"
            if why:
                # Of several flavours of an optional field one at most is this kernel's.
                self.missing(where, flavour and (path, m["name"]) in self.optional, why)
            elif a and a["kind"] in ("STRUCT", "UNION") and a["name"] == "(anon)":
                self.members(where, a, b, flavour)


def names_and_optional(text):
    """The records that the header defines, and (record, field) of what may be missing."""
    names, optional = [], set()
    for kind, tag, body, typedef in re.findall(
            r"^(typedef struct|struct) ?(\w*) \{\n(.*?)^\} ?(\w*);", text, re.M | re.S):
        name = typedef if kind.startswith("typedef") else tag
        names.append((name, "" if typedef else "struct "))
        for field in re.findall(r"(\w+)(?:\[\d+\])?(?:: \d+)?;\s*/\* optional", body):
            optional.add((name, field))
    return names, optional


def own_types(header, names):
    """Lets clang read the header: its type information is what the loader will compare."""
    with tempfile.TemporaryDirectory() as d:
        source, obj = os.path.join(d, "all.c"), os.path.join(d, "all.o")
        with open(source, "w", encoding="ascii") as f:
            f.write('#include "%s"\n' % os.path.abspath(header))
            for i, (name, tag) in enumerate(names):
                f.write("%s%s v%d;\n" % (tag, name, i))
        subprocess.run(["clang", "-g", "-O2", "-target", "bpf", "-c", source, "-o", obj], check=True)
        return Types(obj)


def main():
    header = sys.argv[1]
    btf = sys.argv[2] if len(sys.argv) > 2 else "/sys/kernel/btf/vmlinux"
    if not os.path.exists(btf):
        print("SKIPPED: %s is missing, nothing to compare with" % btf)
        return 0
    with open(header, encoding="ascii") as f:
        names, optional = names_and_optional(f.read())
    check = Check(own_types(header, names), Types(btf), optional)
    for name, _ in names:
        check.record(name)
    for note in check.notes:
        print("note: %s (optional)" % note)
    for fault in check.faults:
        print("error: %s" % fault)
    print("%s: %d types, %d fields compared with %s, %d wrong"
          % (header, len(names), check.compared, btf, len(check.faults)))
    return 1 if check.faults or not names else 0


if __name__ == "__main__":
    sys.exit(main())
