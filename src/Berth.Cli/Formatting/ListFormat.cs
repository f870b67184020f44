using System.Text;
using Berth.Cli.Formatting.Templates;

namespace Berth.Cli.Formatting;

/// <summary>
/// How a list is printed: docker's <c>--format</c> with <c>table</c>, <c>table TEMPLATE</c>, <c>json</c> or a template, or ids alone.
/// </summary>
internal sealed class ListFormat
{
    private const string TablePrefix = "table";

    private readonly Template template;
    private readonly bool isTable;

    private ListFormat(Template template, bool isTable)
    {
        this.template = template;
        this.isTable = isTable;
    }

    /// <param name="format">What the user gave; empty for the default table.</param>
    /// <param name="defaultTemplate">The default table's template, columns separated by tabs.</param>
    /// <exception cref="CommandFailedException">The template is malformed.</exception>
    public static ListFormat Parse(string format, string defaultTemplate)
    {
        string text = format.Trim(' ');
        bool asTable = text.Length == 0 || text == TablePrefix || text.StartsWith("table ", StringComparison.Ordinal);
        if (text.Length == 0 || text == TablePrefix)
            text = defaultTemplate;
        else if (asTable)
            text = text[TablePrefix.Length..].Trim(' ');
        else if (text == "json")
            text = "{{json .}}";

        text = text.Replace("\\t", "\t", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal);
        try
        {
            return new ListFormat(Template.Parse(text), asTable);
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("failed to parse template: " + exception.Message, exitCode: 1);
        }
    }

    /// <summary>The rows, one line each; a table has its header first.</summary>
    /// <exception cref="CommandFailedException">The template asks for what rows do not have.</exception>
    public string Render(IEnumerable<IFieldSource> rows, IFieldSource header)
    {
        var output = new StringBuilder();
        try
        {
            if (isTable)
            {
                template.Execute(header, output);
                output.Append('\n');
            }

            foreach (IFieldSource row in rows)
            {
                template.Execute(row, output);
                output.Append('\n');
            }
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("failed to execute template: " + exception.Message, exitCode: 1);
        }

        return isTable ? TabWriter.Align(output.ToString()) : output.ToString();
    }
}

/// <summary>A table's header: each column's title by the name of its member.</summary>
internal sealed class HeaderRow : IFieldSource
{
    private readonly IReadOnlyDictionary<string, string> titles;

    public HeaderRow(string typeName, IReadOnlyDictionary<string, string> titles)
    {
        TypeName = typeName;
        this.titles = titles;
    }

    public string TypeName { get; }

    public IEnumerable<KeyValuePair<string, object?>> AllFields => titles.Select(pair => new KeyValuePair<string, object?>(pair.Key, pair.Value));

    public bool TryGetField(string name, IReadOnlyList<object?> arguments, out object? value)
    {
        // A label's column is titled by the last word of its key.
        if (name == "Label" && arguments is [string label])
        {
            value = label[(label.LastIndexOfAny(['.', '-', '_']) + 1)..];
            return true;
        }

        bool found = titles.TryGetValue(name, out string? title);
        value = title;
        return found;
    }
}
