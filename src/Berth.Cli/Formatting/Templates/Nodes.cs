using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>A part of a parsed template; <see cref="Position"/> is where it begins, <see cref="object.ToString"/> what error messages show of it.</summary>
internal abstract class Node(int position)
{
    public int Position => position;
}

/// <summary>Text that is written as it is.</summary>
internal sealed class TextNode(int position, string text) : Node(position)
{
    public string Text => text;
}

/// <summary><c>{{pipeline}}</c>.</summary>
internal sealed class ActionNode(int position, PipeNode pipe) : Node(position)
{
    public PipeNode Pipe => pipe;

    public override string ToString() => $"{{{{{pipe}}}}}";
}

/// <summary><c>if</c> and <c>with</c> (with their <c>else if</c> nested in the else part), and <c>range</c>.</summary>
internal sealed class BranchNode(int position, string keyword, PipeNode pipe, IReadOnlyList<Node> body, IReadOnlyList<Node> otherwise) : Node(position)
{
    public string Keyword => keyword;

    public PipeNode Pipe => pipe;

    public IReadOnlyList<Node> Body => body;

    public IReadOnlyList<Node> Else => otherwise;

    public override string ToString() => $"{{{{{keyword} {pipe}}}}}";
}

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed class JumpNode(int position, bool isBreak) : Node(position)
{
    public bool IsBreak => isBreak;
}

/// <summary><c>{{template "name" pipeline}}</c>.</summary>
internal sealed class TemplateNode(int position, string name, PipeNode? pipe) : Node(position)
{
    public string Name => name;

    public PipeNode? Pipe => pipe;

    public override string ToString() => $"{{{{template {GoText.Quote(name)}{(pipe is null ? "" : " " + pipe)}}}}}";
}

/// <summary><c>end</c> or <c>else</c>, which end a list of nodes; never executed.</summary>
internal sealed class EnderNode(int position, string keyword) : Node(position)
{
    public string Keyword => keyword;

    public override string ToString() => $"{{{{{keyword}}}}}";
}

/// <summary>Commands joined by <c>|</c>, with the variables that get the result.</summary>
internal sealed class PipeNode(int position) : Node(position)
{
    public List<VariableNode> Variables { get; } = [];

    /// <summary><c>=</c>, not <c>:=</c>.</summary>
    public bool IsAssignment { get; set; }

    public List<CommandNode> Commands { get; } = [];

    public override string ToString() =>
        (Variables.Count > 0 ? string.Join(", ", Variables) + (IsAssignment ? " = " : " := ") : "") + string.Join(" | ", Commands);
}

/// <summary>An operand and its arguments.</summary>
internal sealed class CommandNode(int position) : Node(position)
{
    public List<Node> Operands { get; } = [];

    public override string ToString() => string.Join(' ', Operands.Select(operand => operand is PipeNode ? $"({operand})" : operand.ToString()));
}

/// <summary>The name of a function.</summary>
internal sealed class FunctionNode(int position, string name) : Node(position)
{
    public string Name => name;

    public override string ToString() => name;
}

internal sealed class DotNode(int position) : Node(position)
{
    public override string ToString() => ".";
}

internal sealed class NilNode(int position) : Node(position)
{
    public override string ToString() => "nil";
}

/// <summary><c>.A.B</c>.</summary>
internal sealed class FieldNode(int position, IReadOnlyList<string> names) : Node(position)
{
    public IReadOnlyList<string> Names => names;

    public override string ToString() => string.Concat(names.Select(name => "." + name));
}

/// <summary><c>$x.A.B</c>; the variable's name is the first.</summary>
internal sealed class VariableNode(int position, IReadOnlyList<string> names) : Node(position)
{
    public IReadOnlyList<string> Names => names;

    public override string ToString() => string.Join('.', names);
}

/// <summary>Members taken from something in parentheses or from a function's result.</summary>
internal sealed class ChainNode(int position, Node origin, IReadOnlyList<string> names) : Node(position)
{
    public Node Origin => origin;

    public IReadOnlyList<string> Names => names;

    public override string ToString() => (origin is PipeNode ? $"({origin})" : origin.ToString()) + string.Concat(names.Select(name => "." + name));
}

/// <summary>A constant as it was written.</summary>
internal sealed class LiteralNode(int position, string text, GoValue value) : Node(position)
{
    public GoValue Value => value;

    public override string ToString() => text;
}
