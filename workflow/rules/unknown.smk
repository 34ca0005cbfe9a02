# A target below the results folder that no other rule makes: say which part of it is wrong.


rule unknown:
    input:
        unknown_path,
    output:
        "<results>/{path}",
    wildcard_constraints:
        path=f"(?!(?:{PATHS.regex()})$).+",


# A word that names neither a target nor a file; code has folders or a suffix in its paths.
rule no_target:
    input:
        no_target,
    output:
        "{name}",
    wildcard_constraints:
        name="[^/.]+",
