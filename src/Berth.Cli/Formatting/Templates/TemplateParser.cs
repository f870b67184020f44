using System.Runtime.CompilerServices;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>Tokens to nodes, with the wording of text/template's complaints.</summary>
internal sealed class TemplateParser
{
    private readonly string name;
    private readonly List<Token> tokens;
    private readonly Dictionary<string, IReadOnlyList<Node>> definitions = new(StringComparer.Ordinal);
    private readonly List<string> variables = ["$"];
    private int next;
    private int rangeDepth;
    private int actionLine;

    private TemplateParser(string name, string text)
    {
        this.name = name;
        tokens = TemplateLexer.Read(text);
    }

    /// <summary>The templates by name, the unnamed one among them under <paramref name="name"/>.</summary>
    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static Dictionary<string, IReadOnlyList<Node>> Parse(string name, string text)
    {
        var parser = new TemplateParser(name, text);
        var nodes = new List<Node>();
        while (parser.Peek.Kind != TokenKind.End)
        {
            if (parser.TryDefinition())
                continue;

            Node node = parser.TextOrAction();
            nodes.Add(node is EnderNode ? throw parser.Error($"unexpected {node}") : node);
        }

        parser.definitions[name] = nodes;
        return parser.definitions;
    }

    private Token Peek => tokens[Math.Min(next, tokens.Count - 1)];

    private Token PeekNonSpace
    {
        get
        {
            while (Peek.Kind == TokenKind.Space)
                next++;

            return Peek;
        }
    }

    private Token Next()
    {
        Token token = Peek;
        next = Math.Min(next + 1, tokens.Count);
        return token;
    }

    private Token NextNonSpace()
    {
        _ = PeekNonSpace;
        return Next();
    }

    private bool TryDefinition()
    {
        int start = next;
        if (Next().Kind == TokenKind.Open && NextNonSpace() is { Kind: TokenKind.Keyword, Text: "define" })
        {
            ParseDefinition();
            return true;
        }

        next = start;
        return false;
    }

    private void ParseDefinition()
    {
        const string Context = "define clause";
        string definition = TemplateName(Context);
        Expect(TokenKind.Close, Context);
        (List<Node> body, EnderNode ender) = InOwnScope(ItemList);
        definitions[definition] = ender.Keyword == "end" ? body : throw Error($"unexpected {ender} in {Context}");
    }

    /// <summary>A template of its own sees no variables of those around it.</summary>
    private T InOwnScope<T>(Func<T> parse)
    {
        string[] outer = [.. variables];
        int outerDepth = rangeDepth;
        variables.Clear();
        variables.Add("$");
        rangeDepth = 0;
        T result = parse();
        variables.Clear();
        variables.AddRange(outer);
        rangeDepth = outerDepth;
        return result;
    }

    private string TemplateName(string context)
    {
        Token token = NextNonSpace();
        return token.Kind is TokenKind.String or TokenKind.RawString
            ? GoText.Unquote(token.Text) ?? throw Error("invalid syntax")
            : throw Unexpected(token, context);
    }

    private (List<Node> Nodes, EnderNode Ender) ItemList()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Error("blocks are nested too deeply");

        var nodes = new List<Node>();
        while (PeekNonSpace.Kind != TokenKind.End)
        {
            Node node = TextOrAction();
            if (node is EnderNode ender)
                return (nodes, ender);

            nodes.Add(node);
        }

        throw Error("unexpected EOF");
    }

    private Node TextOrAction()
    {
        Token token = NextNonSpace();
        switch (token.Kind)
        {
            case TokenKind.Text:
                return new TextNode(token.Position, token.Text);
            case TokenKind.Open:
                actionLine = token.Line;
                Node node = Action();
                actionLine = 0;
                return node;
            default:
                throw Unexpected(token, "input");
        }
    }

    private Node Action()
    {
        Token token = PeekNonSpace;
        if (token.Kind != TokenKind.Keyword)
            return new ActionNode(token.Position, Pipeline("command", TokenKind.Close));

        next++;
        switch (token.Text)
        {
            case "if" or "range" or "with":
                return Branch(token);
            case "break" or "continue":
                return Jump(token);
            case "template":
                return TemplateCall(token);
            case "block":
                return Block(token);
            case "end":
                Expect(TokenKind.Close, "end");
                return new EnderNode(token.Position, "end");
            case "else":
                if (PeekNonSpace is not { Kind: TokenKind.Keyword, Text: "if" or "with" })
                    Expect(TokenKind.Close, "else");

                return new EnderNode(token.Position, "else");
            default:
                next--;
                return new ActionNode(token.Position, Pipeline("command", TokenKind.Close));
        }
    }

    private JumpNode Jump(Token token)
    {
        Token close = NextNonSpace();
        if (close.Kind != TokenKind.Close)
            throw Unexpected(close, $"{{{{{token.Text}}}}}");

        return rangeDepth > 0 ? new JumpNode(token.Position, token.Text == "break") : throw Error($"{{{{{token.Text}}}}} outside {{{{range}}}}");
    }

    private TemplateNode TemplateCall(Token token)
    {
        const string Context = "template clause";
        int position = PeekNonSpace.Position;
        string called = TemplateName(Context);
        PipeNode? pipe = null;
        if (PeekNonSpace.Kind == TokenKind.Close)
            next++;
        else
            pipe = Pipeline(Context, TokenKind.Close);

        _ = token;
        return new TemplateNode(position, called, pipe);
    }

    private TemplateNode Block(Token token)
    {
        const string Context = "block clause";
        int position = PeekNonSpace.Position;
        string called = TemplateName(Context);
        PipeNode pipe = Pipeline(Context, TokenKind.Close);
        (List<Node> body, EnderNode ender) = InOwnScope(ItemList);
        if (ender.Keyword != "end")
            throw Error($"unexpected {ender} in {Context}");

        definitions[called] = body;
        _ = token;
        return new TemplateNode(position, called, pipe);
    }

    private BranchNode Branch(Token token)
    {
        int scope = variables.Count;
        string keyword = token.Text;
        PipeNode pipe = Pipeline(keyword, TokenKind.Close);
        rangeDepth += keyword == "range" ? 1 : 0;
        (List<Node> body, EnderNode ender) = ItemList();
        rangeDepth -= keyword == "range" ? 1 : 0;
        List<Node> otherwise = [];
        if (ender.Keyword == "else")
            otherwise = Else(keyword);

        variables.RemoveRange(scope, variables.Count - scope);
        return new BranchNode(token.Position, keyword, pipe, body, otherwise);
    }

    private List<Node> Else(string keyword)
    {
        if (keyword != "range" && Peek.Kind == TokenKind.Keyword && Peek.Text == keyword)
            return [Branch(Next())];

        (List<Node> nodes, EnderNode ender) = ItemList();
        return ender.Keyword == "end" ? nodes : throw Error($"expected end; found {ender}");
    }

    private PipeNode Pipeline(string context, TokenKind end)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Error("parentheses are nested too deeply");

        var pipe = new PipeNode(PeekNonSpace.Position);
        Declarations(pipe, context);
        while (true)
        {
            Token token = NextNonSpace();
            if (token.Kind == end)
            {
                Check(pipe, context);
                return pipe;
            }

            if (token.Kind is not (TokenKind.Boolean or TokenKind.Character or TokenKind.Dot or TokenKind.Field or TokenKind.Identifier or TokenKind.Number
                or TokenKind.Nil or TokenKind.RawString or TokenKind.String or TokenKind.Variable or TokenKind.LeftParenthesis))
                throw Unexpected(token, context);

            next--;
            pipe.Commands.Add(Command());
        }
    }

    private void Declarations(PipeNode pipe, string context)
    {
        while (PeekNonSpace.Kind == TokenKind.Variable)
        {
            int start = next;
            Token variable = Next();
            Token after = PeekNonSpace;
            if (after.Kind is TokenKind.Assign or TokenKind.Declare)
            {
                next++;
                pipe.IsAssignment = after.Kind == TokenKind.Assign;
                Declare(pipe, variable);
                return;
            }

            if (after is not { Kind: TokenKind.Other, Text: "," })
            {
                next = start;
                return;
            }

            next++;
            Declare(pipe, variable);
            if (context != "range" || pipe.Variables.Count >= 2)
                throw Error($"too many declarations in {context}");

            if (PeekNonSpace.Kind is not (TokenKind.Variable or TokenKind.Close or TokenKind.RightParenthesis))
                throw Error("range can only initialize variables");
        }
    }

    private void Declare(PipeNode pipe, Token variable)
    {
        pipe.Variables.Add(new VariableNode(variable.Position, [variable.Text]));
        variables.Add(variable.Text);
    }

    private void Check(PipeNode pipe, string context)
    {
        if (pipe.Commands.Count == 0)
            throw Error($"missing value for {context}");

        for (int i = 1; i < pipe.Commands.Count; i++)
        {
            if (pipe.Commands[i].Operands[0] is DotNode or NilNode or LiteralNode)
                throw Error($"non executable command in pipeline stage {i + 1}");
        }
    }

    private CommandNode Command()
    {
        var command = new CommandNode(PeekNonSpace.Position);
        while (true)
        {
            _ = PeekNonSpace;
            if (Operand() is { } operand)
                command.Operands.Add(operand);

            Token token = Next();
            if (token.Kind == TokenKind.Space)
                continue;

            if (token.Kind is TokenKind.Close or TokenKind.RightParenthesis)
                next--;
            else if (token.Kind != TokenKind.Pipe)
                throw Unexpected(token, "operand");

            return command.Operands.Count > 0 ? command : throw Error("empty command");
        }
    }

    private Node? Operand()
    {
        Node? term = Term();
        if (term is null || Peek.Kind != TokenKind.Field)
            return term;

        int position = Peek.Position;
        var names = new List<string>();
        while (Peek.Kind == TokenKind.Field)
            names.Add(Next().Text[1..]);

        return term switch
        {
            FieldNode field => new FieldNode(position, [.. field.Names, .. names]),
            VariableNode variable => new VariableNode(position, [.. variable.Names, .. names]),
            LiteralNode or NilNode or DotNode => throw Error($"unexpected . after term {GoText.Quote(term.ToString()!)}"), // nodes have a text
            _ => new ChainNode(position, term, names),
        };
    }

    private Node? Term()
    {
        Token token = NextNonSpace();
        switch (token.Kind)
        {
            case TokenKind.Identifier:
                return TemplateFunctions.Exists(token.Text) ? new FunctionNode(token.Position, token.Text) : throw Error($"function {GoText.Quote(token.Text)} not defined");
            case TokenKind.Dot:
                return new DotNode(token.Position);
            case TokenKind.Nil:
                return new NilNode(token.Position);
            case TokenKind.Variable:
                return variables.Contains(token.Text) ? new VariableNode(token.Position, [token.Text]) : throw Error($"undefined variable {GoText.Quote(token.Text)}");
            case TokenKind.Field:
                return new FieldNode(token.Position, [token.Text[1..]]);
            case TokenKind.Boolean:
                return new LiteralNode(token.Position, token.Text, GoValue.Of(token.Text == "true"));
            case TokenKind.Number or TokenKind.Character:
                return new LiteralNode(token.Position, token.Text, TemplateNumber.Read(token, Error));
            case TokenKind.LeftParenthesis:
                return Pipeline("parenthesized pipeline", TokenKind.RightParenthesis);
            case TokenKind.String or TokenKind.RawString:
                return new LiteralNode(token.Position, token.Text, GoValue.Of(GoText.Unquote(token.Text) ?? throw Error("invalid syntax")));
            default:
                next--;
                return null;
        }
    }

    private void Expect(TokenKind kind, string context)
    {
        Token token = NextNonSpace();
        if (token.Kind != kind)
            throw Unexpected(token, context);
    }

    private TemplateException Unexpected(Token token, string context)
    {
        if (token.Kind != TokenKind.Error)
            return Error($"unexpected {token} in {context}");

        const string Action = " action";
        if (actionLine == 0 || actionLine == token.Line)
            return Error(token.Text);

        return Error(token.Text.EndsWith(Action, StringComparison.Ordinal)
            ? $"{token.Text} started at {name}:{actionLine}"
            : $"{token.Text} in action started at {name}:{actionLine}");
    }

    private TemplateException Error(string message) => new($"template: {name}:{tokens[Math.Clamp(next - 1, 0, tokens.Count - 1)].Line}: {message}", isSyntax: true);
}
