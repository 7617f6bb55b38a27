{#
    The inverse of the standard normal distribution function: the z below which the share p lies. Wichura's algorithm AS 241
    (PPND16, 1988), right to about 1e-15 relative. NULL outside 0 < p < 1. The argument is repeated: pass a column, not an expression.
#}
{% macro inverse_normal(p) -%}
    {%- set near = "(0.180625 - (" ~ p ~ " - 0.5) * (" ~ p ~ " - 0.5))" -%}
    {%- set tail = "sqrt(-ln(least(" ~ p ~ ", 1 - " ~ p ~ ")))" -%}
    {%- set central = "(" ~ p ~ " - 0.5) * " ~ faultline.polynomial(near, [
        '3.3871328727963666080', '133.14166789178437745', '1971.5909503065514427', '13731.693765509461125',
        '45921.953931549871457', '67265.770927008700853', '33430.575583588128105', '2509.0809287301226727'
    ]) ~ " / " ~ faultline.polynomial(near, [
        '1', '42.313330701600911252', '687.18700749205790830', '5394.1960214247511077',
        '21213.794301586595867', '39307.895800092710610', '28729.085735721942674', '5226.4952788528545610'
    ]) -%}
    {%- set middle = faultline.polynomial("(" ~ tail ~ " - 1.6)", [
        '1.42343711074968357734', '4.63033784615654529590', '5.76949722146069140550', '3.64784832476320460504',
        '1.27045825245236838258', '0.241780725177450611770', '0.0227238449892691845833', '7.74545014278341407640e-4'
    ]) ~ " / " ~ faultline.polynomial("(" ~ tail ~ " - 1.6)", [
        '1', '2.05319162663775882187', '1.67638483018380384940', '0.689767334985100004550',
        '0.148103976427480074590', '0.0151986665636164571966', '5.47593808499534494600e-4', '1.05075007164441684324e-9'
    ]) -%}
    {%- set far = faultline.polynomial("(" ~ tail ~ " - 5)", [
        '6.65790464350110377720', '5.46378491116411436990', '1.78482653991729133580', '0.296560571828504891230',
        '0.0265321895265761230930', '0.00124266094738807843860', '2.71155556874348757815e-5', '2.01033439929228813265e-7'
    ]) ~ " / " ~ faultline.polynomial("(" ~ tail ~ " - 5)", [
        '1', '0.599832206555887937690', '0.136929880922735805310', '0.0148753612908506148525',
        '7.86869131145613259100e-4', '1.84631831751005468180e-5', '1.42151175831644588870e-7', '2.04426310338993978564e-15'
    ]) -%}
    {{ return(
        "case when " ~ p ~ " > 0 and " ~ p ~ " < 1 then case when abs(" ~ p ~ " - 0.5) <= 0.425 then " ~ central
        ~ " else sign(" ~ p ~ " - 0.5) * (case when " ~ tail ~ " <= 5 then " ~ middle ~ " else " ~ far ~ " end) end end"
    ) }}
{%- endmacro %}


{# A polynomial in Horner's form, coefficients from the constant term on, as double precision. #}
{% macro polynomial(x, coefficients) -%}
    {%- set nested = namespace(text="cast(" ~ coefficients[-1] ~ " as " ~ faultline.type_double() ~ ")") -%}
    {%- for coefficient in coefficients[:-1] | reverse -%}
        {%- set nested.text = "(" ~ nested.text ~ " * " ~ x ~ " + cast(" ~ coefficient ~ " as " ~ faultline.type_double() ~ "))" -%}
    {%- endfor -%}
    {{ return(nested.text) }}
{%- endmacro %}


{#
    The point of a chi-squared distribution below which the share with normal quantile z lies, by Wilson and Hilferty (1931):
    right to about 0.2 % from 10 degrees of freedom on. NULL without degrees of freedom.
#}
{% macro chi_squared_quantile(degrees_of_freedom, z) -%}
    {%- set spread = "cast(2 as " ~ faultline.type_double() ~ ") / (9 * case when " ~ degrees_of_freedom ~ " > 0 then " ~ degrees_of_freedom ~ " end)" -%}
    {%- set root = "1 - " ~ spread ~ " + " ~ z ~ " * sqrt(" ~ spread ~ ")" -%}
    {{ return("(" ~ degrees_of_freedom ~ " * power(" ~ faultline.at_least(root, "0.0") ~ ", 3))") }}
{%- endmacro %}


{#
    The share of a standard normal distribution beyond z on one side, for z >= 0; West's form of Hart's algorithm (2005), right to
    about 1e-15 up to z = 7 and 0 beyond.
#}
{% macro normal_tail(z) -%}
    {{ return(
        "case when " ~ z ~ " < 7 then exp(-" ~ z ~ " * " ~ z ~ " / 2) * " ~ faultline.polynomial(z, [
            '220.206867912376', '221.213596169931', '112.079291497871', '33.912866078383',
            '6.37396220353165', '0.700383064443688', '0.0352624965998911'
        ]) ~ " / " ~ faultline.polynomial(z, [
            '440.413735824752', '793.826512519948', '637.333633378831', '296.564248779674',
            '86.7807322029461', '16.064177579207', '1.75566716318264', '0.0883883476483184'
        ]) ~ " when " ~ z ~ " >= 7 then 0.0 end"
    ) }}
{%- endmacro %}
