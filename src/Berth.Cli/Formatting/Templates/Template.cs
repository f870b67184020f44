using System.Text;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>A parsed format of docker's <c>--format</c>: Go's text/template. Safe to execute many times.</summary>
internal sealed class Template
{
    private readonly Dictionary<string, IReadOnlyList<Node>> definitions;

    private Template(string name, string source, Dictionary<string, IReadOnlyList<Node>> definitions)
    {
        Name = name;
        Source = source;
        this.definitions = definitions;
    }

    /// <summary>The name that error messages give the template; empty for most commands.</summary>
    public string Name { get; }

    public string Source { get; }

    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static Template Parse(string source, string name = "") => new(name, source, TemplateParser.Parse(name, source));

    /// <summary>Writes the template filled in with <paramref name="value"/>.</summary>
    /// <exception cref="TemplateException">The template does not fit the value; what came before it is in <paramref name="output"/>.</exception>
    public void Execute(GoValue value, StringBuilder output, TemplateOptions? options = null) =>
        new TemplateExecution(this, options ?? new TemplateOptions(), output, Name, value).Run();

    /// <summary>The nodes of a defined template; null when there is none of that name.</summary>
    public IReadOnlyList<Node>? Find(string name) => definitions.GetValueOrDefault(name);
}

/// <summary>How a template treats what it does not find.</summary>
internal sealed record TemplateOptions
{
    /// <summary>A key that a map lacks is an error, not <c>&lt;no value&gt;</c>.</summary>
    public bool MissingKeysAreErrors { get; init; }

    /// <summary>The functions leave the titles of columns as they are.</summary>
    public bool ForHeader { get; init; }
}
