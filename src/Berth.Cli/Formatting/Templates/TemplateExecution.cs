using System.Runtime.CompilerServices;
using System.Text;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>One run of a template over a value: the nodes that write. Expressions are in the other part.</summary>
internal sealed partial class TemplateExecution
{
    private readonly Template template;
    private readonly TemplateOptions options;
    private readonly StringBuilder output;
    private readonly string name;
    private readonly GoValue root;
    private readonly List<(string Name, GoValue? Value)> variables = [];

    // What is being evaluated, for error messages; it stays behind where Go leaves it, so that messages point at the same place.
    private Node? current;

    public TemplateExecution(Template template, TemplateOptions options, StringBuilder output, string name, GoValue root)
    {
        this.template = template;
        this.options = options;
        this.output = output;
        this.name = name;
        this.root = root;
        variables.Add(("$", root));
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    public void Run() => Walk(template.Find(name)!, root); // the parser made it

    private Flow Walk(IReadOnlyList<Node> nodes, GoValue? dot)
    {
        foreach (Node node in nodes)
        {
            Flow flow = Walk(node, dot);
            if (flow != Flow.Next)
                return flow;
        }

        return Flow.Next;
    }

    private Flow Walk(Node node, GoValue? dot)
    {
        current = node;
        switch (node)
        {
            case TextNode text:
                output.Append(text.Text);
                return Flow.Next;
            case ActionNode action:
                GoValue? value = Evaluate(action.Pipe, dot);
                if (action.Pipe.Variables.Count == 0)
                    Print(action, value);

                return Flow.Next;
            case JumpNode jump:
                return jump.IsBreak ? Flow.Break : Flow.Continue;
            case BranchNode { Keyword: "range" } range:
                return WalkRange(range, dot);
            case TemplateNode call:
                WalkTemplate(call, dot);
                return Flow.Next;
            default:
                return WalkCondition((BranchNode)node, dot);
        }
    }

    private void Print(ActionNode action, GoValue? value)
    {
        current = action;
        output.Append(value is null ? "<no value>" : GoFormatter.Format(value.Kind == GoKind.Pointer ? value.Indirect() : value));
    }

    private Flow WalkCondition(BranchNode branch, GoValue? dot)
    {
        int scope = variables.Count;
        GoValue? value = Evaluate(branch.Pipe, dot);
        GoValue? inner = branch.Keyword == "with" ? value : dot;
        Flow flow = GoValue.IsTrue(value?.Unwrap()) ? Walk(branch.Body, inner) : Walk(branch.Else, dot);
        variables.RemoveRange(scope, variables.Count - scope);
        return flow;
    }

    private Flow WalkRange(BranchNode range, GoValue? dot)
    {
        int scope = variables.Count;
        GoValue? value = Evaluate(range.Pipe, dot)?.Indirect();
        bool any = false;
        Flow flow = Flow.Next;
        int inner = variables.Count;
        foreach ((GoValue? key, GoValue? item) in Enumerate(range, value))
        {
            any = true;
            SetLoopVariables(range.Pipe, key, item);
            flow = Walk(range.Body, item);
            variables.RemoveRange(inner, variables.Count - inner);
            if (flow == Flow.Break)
                break;
        }

        if (!any)
            flow = Walk(range.Else, dot);

        variables.RemoveRange(scope, variables.Count - scope);
        return any ? Flow.Next : flow;
    }

    private void SetLoopVariables(PipeNode pipe, GoValue? key, GoValue? item)
    {
        for (int i = 0; i < pipe.Variables.Count; i++)
        {
            GoValue? value = pipe.Variables.Count == 2 && i == 0 ? key : item;
            if (pipe.IsAssignment)
                Assign(pipe.Variables[i].Names[0], value);
            else
                variables[variables.Count - pipe.Variables.Count + i] = (pipe.Variables[i].Names[0], value);
        }
    }

    private IEnumerable<(GoValue? Key, GoValue? Item)> Enumerate(BranchNode range, GoValue? value)
    {
        switch (value)
        {
            case null:
                return [];
            case { Kind: GoKind.Slice }:
                return value.Items.Select((item, index) => ((GoValue?)GoValue.Of(index), (GoValue?)item));
            case { Kind: GoKind.Map }:
                return value.Entries.Select(entry => ((GoValue?)entry.Key, (GoValue?)entry.Value));
            case { Kind: GoKind.Int or GoKind.Uint } when range.Pipe.Variables.Count > 1:
                throw Fail($"can't use {GoFormatter.Format(value)} to iterate over more than one variable");
            case { Kind: GoKind.Int }:
                return Numbers(value);
            case { Kind: GoKind.Uint }:
                return Numbers(GoValue.Of((long)Math.Min(value.Uint, long.MaxValue)));
            default:
                throw Fail($"range can't iterate over {GoFormatter.Format(value)}");
        }
    }

    private static IEnumerable<(GoValue? Key, GoValue? Item)> Numbers(GoValue end)
    {
        for (long i = 0; i < end.Int; i++)
            yield return (null, new GoValue(end.Type, i));
    }

    private void WalkTemplate(TemplateNode call, GoValue? dot)
    {
        if (template.Find(call.Name) is not { } body)
            throw Fail($"template {GoText.Quote(call.Name)} not defined");

        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Fail("exceeded maximum template depth (100000)");

        GoValue? inner = call.Pipe is null ? null : Evaluate(call.Pipe, dot);
        var execution = new TemplateExecution(template, options, output, call.Name, inner ?? new GoValue(GoType.Any, null));
        execution.variables[0] = ("$", inner);
        execution.Walk(body, inner);
    }

    private void Assign(string variable, GoValue? value)
    {
        int index = variables.FindLastIndex(entry => entry.Name == variable);
        variables[index >= 0 ? index : throw Fail($"undefined variable: {variable}")] = (variable, value);
    }

    /// <summary>An error at what is being evaluated: its line, its column in bytes from 0 on the first line, and its text.</summary>
    private TemplateException Fail(string message)
    {
        if (current is null)
            return new TemplateException($"template: {name}: {message}", isSyntax: false);

        string before = template.Source[..current.Position];
        int newLine = before.LastIndexOf('\n');
        int column = newLine < 0 ? GoText.ByteLength(before) : GoText.ByteLength(before[newLine..]) - 1;
        int line = before.AsSpan().Count('\n') + 1;
        return new TemplateException($"template: {template.Name}:{line}:{column}: executing {GoText.Quote(name)} at <{current}>: {message}", isSyntax: false);
    }
}
