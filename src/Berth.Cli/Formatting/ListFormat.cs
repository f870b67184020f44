using System.Text;
using Berth.Cli.Formatting.Templates;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting;

/// <summary>
/// How a list is printed: docker's <c>--format</c> with <c>table TEMPLATE</c>, <c>json</c> or a template, or the columns of a default table,
/// which need no template at all.
/// </summary>
internal sealed class ListFormat
{
    private const string TablePrefix = "table";

    private readonly IReadOnlyList<string> columns;
    private readonly Template? template;
    private readonly bool isTable;

    private ListFormat(IReadOnlyList<string> columns, Template? template, bool isTable)
    {
        this.columns = columns;
        this.template = template;
        this.isTable = isTable;
    }

    /// <summary>A table of these members with their titles above.</summary>
    public static ListFormat Table(params IReadOnlyList<string> columns) => new(columns, null, isTable: true);

    /// <summary>One member in each line.</summary>
    public static ListFormat Column(string name) => new([name], null, isTable: false);

    /// <summary>What the user gave, when it is not the default table.</summary>
    /// <exception cref="CommandFailedException">The template is malformed.</exception>
    public static ListFormat Parse(string format)
    {
        bool asTable = format.StartsWith(TablePrefix, StringComparison.Ordinal);
        string text = asTable ? format[TablePrefix.Length..] : format == "json" ? "{{json .}}" : format;
        text = text.Trim(' ').Replace("\\t", "\t", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal);
        try
        {
            return new ListFormat([], Template.Parse(text), asTable);
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("template parsing error: " + exception.Message, exitCode: 1);
        }
    }

    /// <summary>The rows, one line each; a table has its header first.</summary>
    /// <exception cref="CommandFailedException">The template asks for what rows do not have.</exception>
    public string Render(IEnumerable<IFieldSource> rows, HeaderRow header)
    {
        var output = new StringBuilder();
        if (template is null)
            RenderColumns(rows, header, output);
        else
            RenderTemplate(template, rows, header, output);

        return isTable ? TabWriter.Align(output.ToString()) : output.ToString();
    }

    private void RenderColumns(IEnumerable<IFieldSource> rows, HeaderRow header, StringBuilder output)
    {
        if (isTable)
            output.AppendJoin('\t', columns.Select(header.Title)).Append('\n');

        foreach (IFieldSource row in rows)
            output.AppendJoin('\t', columns.Select(column => row.GetField(column, ""))).Append('\n');
    }

    private void RenderTemplate(Template parsed, IEnumerable<IFieldSource> rows, HeaderRow header, StringBuilder output)
    {
        var body = new StringBuilder();
        try
        {
            foreach (IFieldSource row in rows)
            {
                parsed.Execute(GoValue.Of(row), body);
                body.Append('\n');
            }
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("template parsing error: " + exception.Message, exitCode: 1);
        }

        if (isTable)
            output.Append(RenderHeader(parsed, header)).Append('\n');

        output.Append(body);
    }

    /// <summary>The template over the titles. What fits rows but not titles ends the header there, as in the stock CLI.</summary>
    private static string RenderHeader(Template parsed, HeaderRow header)
    {
        var output = new StringBuilder();
        try
        {
            parsed.Execute(header.ToValue(), output, new TemplateOptions { ForHeader = true });
        }
        catch (TemplateException)
        {
            // The part before the error is the header.
        }

        return output.ToString();
    }
}

/// <summary>A table's header: each column's title by the name of its member, given as pairs.</summary>
internal sealed class HeaderRow
{
    private readonly (string Name, string Title)[] titles;

    public HeaderRow(params (string Name, string Title)[] titles) => this.titles = titles;

    /// <summary>The members' names, sorted; what <c>json .</c> writes of a row.</summary>
    public IEnumerable<string> Names => titles.Select(title => title.Name).Order(StringComparer.Ordinal);

    public bool Has(string name) => Array.Exists(titles, title => title.Name == name);

    public string Title(string name) => Array.Find(titles, title => title.Name == name).Title;

    public GoValue ToValue() => new(
        new GoType(GoMethods.HeaderType, GoKind.Map) { Key = GoType.String, Element = GoType.String, IsNamed = true },
        titles.OrderBy(title => title.Name, StringComparer.Ordinal).Select(title => new GoEntry(GoValue.Of(title.Name), GoValue.Of(title.Title))).ToArray());
}
