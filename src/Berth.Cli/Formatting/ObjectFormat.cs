using System.Text;
using System.Text.Json;
using Berth.Cli.Formatting.Templates;

namespace Berth.Cli.Formatting;

/// <summary>How one document is printed: <c>json</c> or a template (<c>inspect</c>, <c>version</c>, <c>info</c>).</summary>
internal sealed class ObjectFormat
{
    /// <summary>Help of every such <c>--format</c> flag.</summary>
    public const string Usage = "Format output using a custom template:\n'json':             Print in JSON format\n"
        + "'TEMPLATE':         Print output using the given Go template.\n"
        + "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

    private readonly Template template;

    private ObjectFormat(Template template) => this.template = template;

    /// <exception cref="CommandFailedException">Status 64: the template is malformed.</exception>
    public static ObjectFormat Parse(string format)
    {
        try
        {
            return new ObjectFormat(Template.Parse(format == "json" ? "{{json .}}" : format));
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("template parsing error: " + exception.Message, exitCode: 64);
        }
    }

    /// <exception cref="CommandFailedException">The document lacks what the template asks for.</exception>
    public string Render(JsonElement document)
    {
        var output = new StringBuilder();
        try
        {
            template.Execute(TemplateValues.FromJson(document, "document"), output);
            return output.ToString();
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("template parsing error: " + exception.Message, exitCode: 1);
        }
    }
}
