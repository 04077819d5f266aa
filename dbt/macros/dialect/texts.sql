{#- Texts, as the engine speaks of them. Of patterns only what RE2 and Java take alike: no backslash, no look around. -#}

{#- A text as an SQL literal, whatever it holds. -#}
{% macro quoted(text) -%} {{ return(adapter.dispatch('quoted')(text)) }} {%- endmacro %}
{% macro duckdb__quoted(text) -%} {{ return("'" ~ (text | replace("'", "''")) ~ "'") }} {%- endmacro %}
{% macro spark__quoted(text) -%} {{ return("'" ~ (text | replace('\\', '\\\\') | replace("'", "\\'")) ~ "'") }} {%- endmacro %}

{#- Whether a text begins so. -#}
{% macro begins_with(text, beginning) -%} {{ return(adapter.dispatch('begins_with')(text, beginning)) }} {%- endmacro %}
{% macro duckdb__begins_with(text, beginning) -%} {{ return("starts_with(" ~ text ~ ", " ~ beginning ~ ")") }} {%- endmacro %}
{% macro spark__begins_with(text, beginning) -%} {{ return("startswith(" ~ text ~ ", " ~ beginning ~ ")") }} {%- endmacro %}

{#- Whether a pattern is found in a text. -#}
{% macro finds(text, pattern) -%} {{ return(adapter.dispatch('finds')(text, pattern)) }} {%- endmacro %}
{% macro duckdb__finds(text, pattern) -%} {{ return("regexp_matches(" ~ text ~ ", " ~ quoted(pattern) ~ ")") }} {%- endmacro %}
{% macro spark__finds(text, pattern) -%} {{ return("regexp_like(" ~ text ~ ", " ~ quoted(pattern) ~ ")") }} {%- endmacro %}

{#- What a pattern finds first in a text, else ''. -#}
{% macro first_found(text, pattern) -%} {{ return(adapter.dispatch('first_found')(text, pattern)) }} {%- endmacro %}
{% macro duckdb__first_found(text, pattern) -%} {{ return("regexp_extract(" ~ text ~ ", " ~ quoted(pattern) ~ ")") }} {%- endmacro %}
{% macro spark__first_found(text, pattern) -%} {{ return("regexp_extract(" ~ text ~ ", " ~ quoted(pattern) ~ ", 0)") }} {%- endmacro %}

{#- A text that wholly matches a pattern, else ''. -#}
{% macro if_it_matches(text, pattern) -%} {{ return(adapter.dispatch('if_it_matches')(text, pattern)) }} {%- endmacro %}
{% macro duckdb__if_it_matches(text, pattern) -%} {{ return(first_found(text, '^(' ~ pattern ~ ')$')) }} {%- endmacro %}
{#- Java's `$` also matches before a last line break -#}
{% macro spark__if_it_matches(text, pattern) -%} {{ return(first_found(text, '\\A(' ~ pattern ~ ')\\z')) }} {%- endmacro %}
