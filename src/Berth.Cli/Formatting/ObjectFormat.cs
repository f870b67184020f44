using System.Text;
using System.Text.Json;
using Berth.Cli.Formatting.Templates;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting;

/// <summary>How one document is printed by a template (<c>inspect</c>, <c>version</c>, <c>info</c>).</summary>
internal sealed class ObjectFormat
{
    /// <summary>Help of every such <c>--format</c> flag.</summary>
    public const string Usage = "Format output using a custom template:\n'json':             Print in JSON format\n"
        + "'TEMPLATE':         Print output using the given Go template.\n"
        + "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

    private readonly Template template;

    private ObjectFormat(Template template) => this.template = template;

    /// <param name="format">What the user gave.</param>
    /// <param name="name">What error messages call the template.</param>
    /// <exception cref="CommandFailedException">Status 64: the template is malformed.</exception>
    public static ObjectFormat Parse(string format, string name = "")
    {
        try
        {
            return new ObjectFormat(Template.Parse(format == "json" ? "{{json .}}" : format, name));
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("template parsing error: " + exception.Message, exitCode: 64);
        }
    }

    /// <summary>The document as a type of <see cref="GoSchema"/> shows it; an error comes with what was written before it.</summary>
    public string Render(JsonElement document, string type, out string? error)
    {
        var output = new StringBuilder();
        error = null;
        try
        {
            template.Execute(GoDecoder.Decode(document, GoSchema.Get(type)), output);
        }
        catch (TemplateException exception)
        {
            error = exception.Message;
        }

        return output.ToString();
    }

    /// <summary>A value made here.</summary>
    /// <exception cref="CommandFailedException">The template asks for what it does not have.</exception>
    public string Render(GoValue value)
    {
        var output = new StringBuilder();
        try
        {
            template.Execute(value, output);
            return output.ToString();
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    /// <summary>The document as its type shows it; if that does not work out, as the JSON has it, which knows the wire's names.</summary>
    /// <returns>Null with an error when neither fits.</returns>
    public string? RenderAny(JsonElement document, string type, out string? error)
    {
        string typed = Render(document, type, out error);
        if (error is null)
            return typed;

        error = null;
        var output = new StringBuilder();
        try
        {
            GoValue value = GoDecoder.DecodeAny(document, exactNumbers: true);
            template.Execute(value.Unwrap() ?? value, output, new TemplateOptions { MissingKeysAreErrors = true });
            return output.ToString();
        }
        catch (TemplateException exception)
        {
            error = "template parsing error: " + exception.Message;
            return null;
        }
    }
}
