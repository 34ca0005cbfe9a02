# A target below the results folder that no other rule makes: say which part of it is wrong.


rule unknown:
    input:
        unknown_path,
    output:
        "<results>/{path}",
    wildcard_constraints:
        path=f"(?!(?:{PATHS.regex()})$).+",
