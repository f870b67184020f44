using System.Text;
using System.Text.Json;

namespace Berth.Cli.Formatting.Templates;

/// <summary>
/// A parsed format of docker's <c>--format</c>: Go's text/template over JSON documents and table rows. Safe to execute many times.
/// </summary>
internal sealed class Template
{
    private readonly string source;
    private readonly IReadOnlyList<Node> nodes;

    private Template(string source, IReadOnlyList<Node> nodes)
    {
        this.source = source;
        this.nodes = nodes;
    }

    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static Template Parse(string source) => new(source, TemplateParser.Parse(source));

    /// <summary>Writes the template filled in with <paramref name="value"/>: a <see cref="JsonValue"/>, an <see cref="IFieldSource"/> or a plain value.</summary>
    /// <exception cref="TemplateException">The template does not fit the value; what came before it is in <paramref name="output"/>.</exception>
    public void Execute(object? value, StringBuilder output)
    {
        var run = new Execution(source, output);
        run.Declare("$", value);
        run.Walk(nodes, value);
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    private sealed class Execution(string source, StringBuilder output)
    {
        private readonly List<(string Name, object? Value)> variables = [];

        public void Declare(string name, object? value) => variables.Add((name, value));

        public Flow Walk(IReadOnlyList<Node> nodes, object? dot)
        {
            int scope = variables.Count;
            Flow flow = Flow.Next;
            foreach (Node node in nodes)
            {
                flow = Walk(node, dot);
                if (flow != Flow.Next)
                    break;
            }

            variables.RemoveRange(scope, variables.Count - scope);
            return flow;
        }

        private Flow Walk(Node node, object? dot)
        {
            switch (node)
            {
                case TextNode text:
                    output.Append(text.Text);
                    return Flow.Next;
                case ActionNode action:
                    object? value = Evaluate(action.Pipeline, dot);
                    if (action.Pipeline.Variables.Count == 0)
                        TemplateValues.Print(output, value);

                    return Flow.Next;
                case JumpNode jump:
                    return jump.IsBreak ? Flow.Break : Flow.Continue;
                case BlockNode { Keyword: "range" } range:
                    return WalkRange(range, dot);
                default:
                    return WalkCondition((BlockNode)node, dot);
            }
        }

        private Flow WalkCondition(BlockNode block, object? dot)
        {
            int scope = variables.Count;
            object? value = Evaluate(block.Pipeline, dot);
            object? inner = block.Keyword == "with" ? value : dot;
            Flow flow = TemplateValues.IsTrue(value) ? Walk(block.Body, inner) : Walk(block.Else, dot);
            variables.RemoveRange(scope, variables.Count - scope);
            return flow;
        }

        private Flow WalkRange(BlockNode block, object? dot)
        {
            int scope = variables.Count;
            object? value = Evaluate(block.Pipeline with { Variables = [] }, dot);
            bool any = false;
            foreach ((object? key, object? item) in TemplateValues.Enumerate(value, message => Fail(block.Pipeline, message)))
            {
                any = true;
                IReadOnlyList<string> names = block.Pipeline.Variables;
                if (names.Count == 1)
                    Declare(names[0], item);
                else if (names.Count == 2)
                {
                    Declare(names[0], key);
                    Declare(names[1], item);
                }

                Flow flow = Walk(block.Body, item);
                variables.RemoveRange(scope, variables.Count - scope);
                if (flow == Flow.Break)
                    break;
            }

            return any ? Flow.Next : Walk(block.Else, dot);
        }

        private object? Evaluate(Pipeline pipeline, object? dot)
        {
            object? value = null;
            for (int i = 0; i < pipeline.Commands.Count; i++)
                value = Evaluate(pipeline.Commands[i], dot, i > 0, value);

            foreach (string name in pipeline.Variables)
            {
                if (pipeline.Declares)
                    Declare(name, value);
                else
                    Assign(name, value);
            }

            return value;
        }

        private object? Evaluate(Command command, object? dot, bool hasFinal, object? final)
        {
            Operand first = command.Operands[0];
            if (first is FunctionOperand { Text: "and" or "or" } logic)
                return EvaluateLogic(command, dot, hasFinal, final, stopAt: logic.Text == "or");

            bool takesArguments = first is FunctionOperand || first.Fields.Count > 0;
            if (!takesArguments && (command.Operands.Count > 1 || hasFinal))
                throw Fail(first, $"can't give argument to non-function {first.Text}");

            if (!takesArguments)
                return EvaluateTerm(first, dot, []);

            var arguments = new List<object?>(command.Operands.Count);
            for (int i = 1; i < command.Operands.Count; i++)
                arguments.Add(EvaluateTerm(command.Operands[i], dot, []));

            if (hasFinal)
                arguments.Add(final);

            return EvaluateTerm(first, dot, arguments);
        }

        private object? EvaluateLogic(Command command, object? dot, bool hasFinal, object? final, bool stopAt)
        {
            object? value = null;
            for (int i = 1; i < command.Operands.Count; i++)
            {
                value = EvaluateTerm(command.Operands[i], dot, []);
                if (TemplateValues.IsTrue(value) == stopAt)
                    return value;
            }

            return hasFinal ? final : value;
        }

        private object? EvaluateTerm(Operand operand, object? dot, IReadOnlyList<object?> arguments)
        {
            object? value = operand switch
            {
                LiteralOperand literal => literal.Value,
                VariableOperand variable => Lookup(variable),
                ParenthesisOperand parenthesis => Evaluate(parenthesis.Pipeline, dot),
                FunctionOperand function => Call(function, arguments),
                _ => dot,
            };
            for (int i = 0; i < operand.Fields.Count; i++)
                value = GetField(operand, value, operand.Fields[i], i == operand.Fields.Count - 1 ? arguments : []);

            return value;
        }

        private object? Call(FunctionOperand function, IReadOnlyList<object?> arguments)
        {
            try
            {
                return TemplateFunctions.Call(function.Text, arguments);
            }
            catch (TemplateException exception)
            {
                throw Fail(function, $"error calling {function.Text}: {exception.Message}");
            }
        }

        private object? GetField(Operand operand, object? value, string name, IReadOnlyList<object?> arguments)
        {
            switch (value)
            {
                case IFieldSource source:
                    return source.TryGetField(name, arguments, out object? field)
                        ? field
                        : throw Fail(operand, $"can't evaluate field {name} in type {source.TypeName}");
                case JsonValue { Element.ValueKind: JsonValueKind.Object } json:
                    if (arguments.Count > 0)
                        throw Fail(operand, $"{name} is not a method but has arguments");

                    return json.Element.TryGetProperty(name, out JsonElement element)
                        ? TemplateValues.FromJson(element, name)
                        : throw Fail(operand, $"map has no entry for key \"{name}\"");
                case JsonValue { Element.ValueKind: JsonValueKind.Null } or null:
                    throw Fail(operand, $"nil pointer evaluating interface {{}}.{name}");
                default:
                    throw Fail(operand, $"can't evaluate field {name} in type {TemplateValues.TypeName(value)}");
            }
        }

        private object? Lookup(VariableOperand variable)
        {
            for (int i = variables.Count - 1; i >= 0; i--)
            {
                if (variables[i].Name == variable.Name)
                    return variables[i].Value;
            }

            throw new TemplateException($"template: :1: undefined variable \"{variable.Name}\"", isSyntax: true);
        }

        private void Assign(string name, object? value)
        {
            for (int i = variables.Count - 1; i >= 0; i--)
            {
                if (variables[i].Name == name)
                {
                    variables[i] = (name, value);
                    return;
                }
            }

            throw new TemplateException($"template: :1: undefined variable \"{name}\"", isSyntax: true);
        }

        private TemplateException Fail(Pipeline pipeline, string message) => Fail(pipeline.Commands[0].Operands[0], message);

        private TemplateException Fail(Operand operand, string message)
        {
            int line = TemplateLexer.Line(source, operand.Position);
            int column = operand.Position - (source.LastIndexOf('\n', Math.Max(operand.Position - 1, 0)) + 1);
            return new TemplateException($"template: :{line}:{column}: executing \"\" at <{operand.Text}>: {message}", isSyntax: false);
        }
    }
}
