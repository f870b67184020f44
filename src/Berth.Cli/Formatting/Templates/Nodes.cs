namespace Berth.Cli.Formatting.Templates;

/// <summary>A part of a parsed template.</summary>
internal abstract record Node;

/// <summary>Text that is written as it is.</summary>
internal sealed record TextNode(string Text) : Node;

/// <summary><c>{{pipeline}}</c>.</summary>
internal sealed record ActionNode(Pipeline Pipeline) : Node;

/// <summary><c>if</c> (with its <c>else if</c> nested in <see cref="Else"/>), <c>with</c> or <c>range</c>.</summary>
internal sealed record BlockNode(string Keyword, Pipeline Pipeline, IReadOnlyList<Node> Body, IReadOnlyList<Node> Else) : Node;

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record JumpNode(bool IsBreak) : Node;

/// <summary>Commands joined by <c>|</c>, with the variables that get the result.</summary>
internal sealed record Pipeline(IReadOnlyList<string> Variables, bool Declares, IReadOnlyList<Command> Commands);

/// <summary>An operand and its arguments.</summary>
internal sealed record Command(IReadOnlyList<Operand> Operands);

/// <summary>One term: where it begins (for error messages), its text, and the members taken from it.</summary>
internal abstract record Operand(int Position, string Text)
{
    public IReadOnlyList<string> Fields { get; init; } = [];
}

internal sealed record DotOperand(int Position, string Text) : Operand(Position, Text);

internal sealed record VariableOperand(int Position, string Text, string Name) : Operand(Position, Text);

internal sealed record LiteralOperand(int Position, string Text, object? Value) : Operand(Position, Text);

internal sealed record FunctionOperand(int Position, string Text) : Operand(Position, Text);

internal sealed record ParenthesisOperand(int Position, string Text, Pipeline Pipeline) : Operand(Position, Text);
