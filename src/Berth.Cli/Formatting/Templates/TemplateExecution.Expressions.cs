using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>Pipelines, commands, members and calls. A null value is one that is not there, which prints as <c>&lt;no value&gt;</c>.</summary>
internal sealed partial class TemplateExecution
{
    /// <summary>Arguments of a call as nodes, with the result of the command before it in the pipeline, if there is one.</summary>
    private readonly record struct Arguments(IReadOnlyList<Node> Nodes, bool HasFinal, GoValue? Final)
    {
        public static Arguments None { get; } = new([], false, null);

        public int Count => Nodes.Count + (HasFinal ? 1 : 0);
    }

    private GoValue? Evaluate(PipeNode pipe, GoValue? dot)
    {
        current = pipe;
        GoValue? value = null;
        for (int i = 0; i < pipe.Commands.Count; i++)
        {
            value = Evaluate(pipe.Commands[i], dot, i > 0, value);
            if (value is { Kind: GoKind.Interface })
                value = value.Unwrap();
        }

        foreach (VariableNode variable in pipe.Variables)
        {
            if (pipe.IsAssignment)
                Assign(variable.Names[0], value);
            else
                variables.Add((variable.Names[0], value));
        }

        return value;
    }

    private GoValue? Evaluate(CommandNode command, GoValue? dot, bool hasFinal, GoValue? final)
    {
        Node first = command.Operands[0];
        var arguments = new Arguments([.. command.Operands.Skip(1)], hasFinal, final);
        switch (first)
        {
            case FieldNode or VariableNode or ChainNode:
                return EvaluateTerm(first, dot, arguments);
            case FunctionNode function:
                return Call(function, command, dot, arguments);
            case PipeNode pipe:
                RefuseArguments(first, arguments);
                return Evaluate(pipe, dot);
        }

        current = first;
        RefuseArguments(first, arguments);
        return first switch
        {
            DotNode => dot,
            LiteralNode literal => literal.Value,
            _ => throw Fail("nil is not a command"),
        };
    }

    private void RefuseArguments(Node first, Arguments arguments)
    {
        if (arguments.Count > 0)
            throw Fail($"can't give argument to non-function {first}");
    }

    private GoValue? EvaluateTerm(Node node, GoValue? dot, Arguments arguments)
    {
        current = node;
        switch (node)
        {
            case FieldNode field:
                return FollowFields(dot, dot, field, field.Names, arguments);
            case VariableNode variable:
                int index = variables.FindLastIndex(entry => entry.Name == variable.Names[0]);
                GoValue? value = index >= 0 ? variables[index].Value : throw Fail($"undefined variable: {variable.Names[0]}");
                if (variable.Names.Count > 1)
                    return FollowFields(dot, value, variable, [.. variable.Names.Skip(1)], arguments);

                RefuseArguments(variable, arguments);
                return value;
            case ChainNode chain:
                return FollowFields(dot, EvaluateArgument(chain.Origin, dot, TemplateFunctions.AnyValue), chain, chain.Names, arguments);
            case PipeNode pipe:
                return Evaluate(pipe, dot);
            case FunctionNode function:
                return Call(function, function, dot, arguments);
            case DotNode:
                return dot;
            case LiteralNode literal:
                return literal.Value;
            default:
                throw Fail("nil is not a command");
        }
    }

    private GoValue? FollowFields(GoValue? dot, GoValue? receiver, Node node, IReadOnlyList<string> names, Arguments arguments)
    {
        for (int i = 0; i < names.Count; i++)
            receiver = GetField(dot, receiver, node, names[i], i == names.Count - 1 ? arguments : Arguments.None);

        return receiver;
    }

    private GoValue? GetField(GoValue? dot, GoValue? receiver, Node node, string field, Arguments arguments)
    {
        if (receiver is null)
            return options.MissingKeysAreErrors ? throw Fail($"nil data; no entry for key {GoText.Quote(field)}") : null;

        GoValue? target = receiver.Indirect();
        if (receiver.Kind == GoKind.Interface && target is null)
            throw Fail($"nil pointer evaluating {receiver.Type.Name}.{field}");

        if (target is { Data: IFieldSource row })
            return GetRowField(dot, row, node, field, arguments);

        if (target is not null && GoMethods.Find(target, field) is { } method)
            return CallMethod(dot, method, node, field, arguments);

        if (target is { Kind: GoKind.Struct } && target.Type.FindField(field) is { } path)
            return arguments.Count == 0 ? FollowPath(target, path) : throw Fail($"{field} has arguments but cannot be invoked as function");

        if (target is { Kind: GoKind.Map, Type.Key.Kind: GoKind.String })
        {
            if (arguments.Count > 0)
                throw Fail($"{field} is not a method but has arguments");

            foreach (GoEntry entry in target.Entries)
            {
                if (entry.Key.Text == field)
                    return entry.Value;
            }

            return options.MissingKeysAreErrors ? throw Fail($"map has no entry for key {GoText.Quote(field)}") : null;
        }

        bool isNilPointer = target is null && receiver.Type.Element is { } element && (element.Kind != GoKind.Struct || element.FindField(field) is not null);
        throw Fail(isNilPointer ? $"nil pointer evaluating {receiver.Type.Name}.{field}" : $"can't evaluate field {field} in type {receiver.Type.Name}");
    }

    private GoValue FollowPath(GoValue target, IReadOnlyList<GoField> path)
    {
        GoValue value = target;
        foreach (GoField step in path)
        {
            GoValue from = value.Indirect() ?? throw Fail($"reflect: indirection through nil pointer to embedded struct field {path[0].Name}");
            int index = 0;
            while (from.Type.Fields[index].Name != step.Name)
                index++;

            value = from.Items[index];
        }

        return value;
    }

    private GoValue? GetRowField(GoValue? dot, IFieldSource row, Node node, string field, Arguments arguments)
    {
        int wanted = row.ArgumentsOf(field);
        if (wanted < 0)
            throw Fail($"can't evaluate field {field} in type {row.TypeName}");

        GoType[] parameters = wanted == 0 ? [] : [GoType.String];
        return CallMethod(dot, new GoMethod(parameters, values => row.GetField(field, wanted == 0 ? "" : values[0].Text) is { } text
            ? GoValue.Of(text)
            : new GoValue(new GoType("*formatter." + field, GoKind.Pointer), null)), node, field, arguments);
    }

    private GoValue CallMethod(GoValue? dot, GoMethod method, Node node, string name, Arguments arguments)
    {
        if (arguments.Count != method.Parameters.Count)
            throw Fail($"wrong number of args for {name}: want {method.Parameters.Count} got {arguments.Count}");

        var values = new List<GoValue>();
        for (int i = 0; i < arguments.Nodes.Count; i++)
            values.Add(EvaluateArgument(arguments.Nodes[i], dot, method.Parameters[i])!); // only interfaces may be nil

        if (arguments.HasFinal)
            values.Add(Validate(arguments.Final, method.Parameters[^1])!); // only interfaces may be nil

        current = node;
        return method.Invoke(values);
    }

    private GoValue? Call(FunctionNode function, Node call, GoValue? dot, Arguments arguments)
    {
        current = function;
        TemplateFunction definition = TemplateFunctions.Get(function.Name, options.ForHeader);
        if (definition.Rest is not null && arguments.Count < definition.Parameters.Count)
            throw Fail($"wrong number of args for {function.Name}: want at least {definition.Parameters.Count} got {arguments.Nodes.Count}");

        if (definition.Rest is null && arguments.Count != definition.Parameters.Count)
            throw Fail($"wrong number of args for {function.Name}: want {definition.Parameters.Count} got {arguments.Count}");

        if (function.Name is "and" or "or")
            return EvaluateLogic(dot, arguments, stopAt: function.Name == "or");

        var values = new List<GoValue?>();
        for (int i = 0; i < arguments.Nodes.Count; i++)
            values.Add(EvaluateArgument(arguments.Nodes[i], dot, i < definition.Parameters.Count ? definition.Parameters[i] : definition.Rest!)); // counted above

        if (arguments.HasFinal)
            values.Add(Validate(arguments.Final, values.Count < definition.Parameters.Count ? definition.Parameters[values.Count] : definition.Rest!)); // counted above

        try
        {
            return definition.Invoke is { } invoke ? invoke(values) : throw NotCallable(arguments, values[0]);
        }
        catch (FunctionException exception)
        {
            current = call;
            throw Fail($"error calling {function.Name}: {exception.Message}");
        }
    }

    private static FunctionException NotCallable(Arguments arguments, GoValue? value)
    {
        string shown = arguments.Nodes.Count > 0 ? $"{arguments.Nodes[0]}" : "argument";
        return new FunctionException(value?.Unwrap() is { } some ? $"non-function {shown} of type {some.Type.Name}" : "call of nil");
    }

    private GoValue? EvaluateLogic(GoValue? dot, Arguments arguments, bool stopAt)
    {
        GoValue? value = null;
        foreach (Node node in arguments.Nodes)
        {
            value = EvaluateArgument(node, dot, TemplateFunctions.AnyValue);
            if (GoValue.IsTrue(value?.Unwrap()) == stopAt)
                return value;
        }

        return arguments.HasFinal ? arguments.Final : value;
    }

    private GoValue? EvaluateArgument(Node node, GoValue? dot, GoType type)
    {
        current = node;
        switch (node)
        {
            case DotNode:
                return Validate(dot, type);
            case NilNode:
                return type.IsNilable ? null : throw Fail($"cannot assign nil to {type.Name}");
            case LiteralNode literal:
                return FitLiteral(literal, type);
            default:
                // A member as an argument is no call: what follows it belongs to the function.
                return Validate(EvaluateTerm(node, dot, Arguments.None), type);
        }
    }

    private GoValue FitLiteral(LiteralNode literal, GoType type) => type.Kind switch
    {
        GoKind.Interface => literal.Value,
        GoKind.String when literal.Value.Kind == GoKind.String => literal.Value,
        GoKind.String => throw Fail($"expected string; found {literal}"),
        GoKind.Int when literal.Value.Kind == GoKind.Int => literal.Value,
        GoKind.Int => throw Fail($"expected integer; found {literal}"),
        _ => throw Fail($"can't handle {literal} for arg of type {type.Name}"),
    };

    /// <summary>A value where a type is wanted, taken out of an interface or reached through a pointer if that makes it fit.</summary>
    private GoValue? Validate(GoValue? value, GoType type)
    {
        if (value is null)
            return type.IsNilable ? null : throw Fail($"invalid value; expected {type.Name}");

        if (value.Type.IsAssignableTo(type))
            return value;

        if (value.Kind == GoKind.Interface && value.Unwrap() is { } inner)
        {
            if (inner.Type.IsAssignableTo(type))
                return inner;

            value = inner;
        }

        if (value.Kind == GoKind.Pointer && value.Type.Element is { } element && element.IsAssignableTo(type))
            return (GoValue?)value.Data ?? throw Fail($"dereference of nil pointer of type {type.Name}");

        throw Fail($"wrong type for value; expected {type.Name}; got {value.Type.Name}");
    }
}
