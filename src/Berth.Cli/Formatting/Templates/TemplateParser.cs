namespace Berth.Cli.Formatting.Templates;

/// <summary>Parses the part of Go's text/template that docker's formats use: everything but <c>define</c>, <c>template</c> and <c>block</c>.</summary>
internal sealed class TemplateParser
{
    private readonly string text;
    private int position;
    private bool trimNext;
    private List<Token> tokens = [];
    private int next;

    private TemplateParser(string text) => this.text = text;

    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static IReadOnlyList<Node> Parse(string text)
    {
        var parser = new TemplateParser(text);
        List<Node> nodes = parser.ParseNodes(out string? ender);
        return ender is null ? nodes : throw parser.Error($"unexpected {{{{{ender}}}}}");
    }

    private Token Current => tokens[next];

    /// <summary>Reads until the end of the text or an action that ends a block, whose keyword is returned (its tokens remain current).</summary>
    private List<Node> ParseNodes(out string? ender)
    {
        var nodes = new List<Node>();
        while (true)
        {
            if (!ReadTextAndAction(nodes))
            {
                ender = null;
                return nodes;
            }

            if (Current.Kind == TokenKind.Word && Current.Text is "end" or "else")
            {
                ender = Current.Text;
                next++;
                return nodes;
            }

            if (Current.Kind != TokenKind.End)
                nodes.Add(ParseAction());
            else if (tokens.Count == 1 && !lastWasComment)
                throw Error("missing value for command");
        }
    }

    private bool lastWasComment;

    /// <summary>Adds the text before the next action and reads that action's tokens; false when there is none.</summary>
    private bool ReadTextAndAction(List<Node> nodes)
    {
        int open = text.IndexOf("{{", position, StringComparison.Ordinal);
        int textEnd = open < 0 ? text.Length : open;
        ReadOnlySpan<char> plain = text.AsSpan(position, textEnd - position);
        if (trimNext)
            plain = plain.TrimStart();

        int inside = open + 2;
        if (open >= 0 && inside + 1 < text.Length && text[inside] == '-' && char.IsWhiteSpace(text[inside + 1]))
        {
            plain = plain.TrimEnd();
            inside += 2;
        }

        if (plain.Length > 0)
            nodes.Add(new TextNode(plain.ToString()));

        if (open < 0)
        {
            position = text.Length;
            return false;
        }

        int close = FindClose(inside);
        int insideEnd = close;
        trimNext = close - 2 >= inside - 1 && text[close - 1] == '-' && char.IsWhiteSpace(text[close - 2]);
        if (trimNext)
            insideEnd -= 2;

        position = close + 2;
        next = 0;
        lastWasComment = text.AsSpan(inside, insideEnd - inside).TrimStart().StartsWith("/*");
        tokens = lastWasComment ? [new Token(TokenKind.End, "", close, Glued: false)] : TemplateLexer.Read(text, inside, insideEnd);
        return true;
    }

    private int FindClose(int inside)
    {
        if (text.AsSpan(inside).TrimStart().StartsWith("/*"))
        {
            int comment = text.IndexOf("*/", inside, StringComparison.Ordinal);
            int close = comment < 0 ? -1 : text.IndexOf("}}", comment, StringComparison.Ordinal);
            return close >= 0 ? close : throw Error("unclosed comment");
        }

        for (int i = inside; i + 1 < text.Length; i++)
        {
            if (text[i] is '"' or '`' or '\'')
                i = SkipQuoted(i);
            else if (text[i] == '}' && text[i + 1] == '}')
                return i;
        }

        throw Error("unclosed action");
    }

    private int SkipQuoted(int start)
    {
        for (int i = start + 1; i < text.Length; i++)
        {
            if (text[i] == '\\' && text[start] != '`')
                i++;
            else if (text[i] == text[start])
                return i;
        }

        throw Error("unterminated quoted string");
    }

    private Node ParseAction()
    {
        if (Current.Kind == TokenKind.Word && Current.Text is "if" or "range" or "with")
        {
            string keyword = Current.Text;
            next++;
            return ParseBlock(keyword);
        }

        if (Current.Kind == TokenKind.Word && Current.Text is "break" or "continue")
            return new JumpNode(tokens[next++].Text == "break");

        if (Current.Kind == TokenKind.Word && Current.Text is "define" or "template" or "block")
            throw Error($"{{{{{Current.Text}}}}} is not supported in formats");

        return new ActionNode(ParsePipeline(TokenKind.End));
    }

    private BlockNode ParseBlock(string keyword)
    {
        Pipeline pipeline = ParsePipeline(TokenKind.End);
        List<Node> body = ParseNodes(out string? ender);
        List<Node> otherwise = [];
        if (ender == "else")
        {
            if (Current.Kind == TokenKind.Word && Current.Text is "if" or "with")
            {
                string inner = Current.Text;
                next++;
                otherwise = [ParseBlock(inner)];
                return new BlockNode(keyword, pipeline, body, otherwise);
            }

            otherwise = ParseNodes(out ender);
            if (ender == "else")
                throw Error("expected end; found {{else}}");
        }

        return ender == "end" ? new BlockNode(keyword, pipeline, body, otherwise) : throw Error("unexpected EOF");
    }

    /// <summary>Reads up to the end of the action, or up to the closing parenthesis, which is consumed.</summary>
    private Pipeline ParsePipeline(TokenKind until)
    {
        (List<string> variables, bool declares) = ParseVariables();
        var commands = new List<Command>();
        var operands = new List<Operand>();
        while (true)
        {
            bool closes = until == TokenKind.Symbol && IsSymbol(")");
            if (closes || Current.Kind == TokenKind.End || IsSymbol("|"))
            {
                if (operands.Count == 0)
                    throw Error("missing value for command");

                commands.Add(new Command(operands));
                operands = [];
                if (Current.Kind == TokenKind.End && until == TokenKind.Symbol)
                    throw Error("unclosed left paren");

                if (Current.Kind == TokenKind.End)
                    return new Pipeline(variables, declares, commands);

                next++;
                if (closes)
                    return new Pipeline(variables, declares, commands);
            }
            else
            {
                operands.Add(ParseOperand());
            }
        }
    }

    private (List<string> Variables, bool Declares) ParseVariables()
    {
        var variables = new List<string>();
        int start = next;
        while (Current.Kind == TokenKind.Variable)
        {
            variables.Add(Current.Text);
            next++;
            if (IsSymbol(":=") || IsSymbol("="))
                return (variables, tokens[next++].Text == ":=");

            if (!IsSymbol(","))
                break;

            next++;
        }

        next = start;
        return ([], false);
    }

    private Operand ParseOperand()
    {
        Token token = Current;
        next++;
        Operand operand;
        List<string> fields = [];
        switch (token.Kind)
        {
            case TokenKind.Dot:
                operand = new DotOperand(token.Position, ".");
                break;
            case TokenKind.Field:
                operand = new DotOperand(token.Position, token.Text);
                fields.Add(token.Text[1..]);
                break;
            case TokenKind.Variable:
                operand = new VariableOperand(token.Position, token.Text, token.Text);
                break;
            case TokenKind.Literal:
                return new LiteralOperand(token.Position, token.Text, token.Value);
            case TokenKind.Word when token.Text == "nil":
                return new LiteralOperand(token.Position, token.Text, null);
            case TokenKind.Word:
                return TemplateFunctions.Exists(token.Text)
                    ? new FunctionOperand(token.Position, token.Text)
                    : throw Error($"function \"{token.Text}\" not defined");
            case TokenKind.Symbol when token.Text == "(":
                operand = new ParenthesisOperand(token.Position, "(...)", ParsePipeline(TokenKind.Symbol));
                break;
            default:
                throw Error($"unexpected \"{token.Text}\" in operand");
        }

        while (Current is { Kind: TokenKind.Field, Glued: true })
            fields.Add(tokens[next++].Text[1..]);

        return operand with { Fields = fields, Text = operand is DotOperand && fields.Count > 0 ? "." + string.Join('.', fields) : operand.Text };
    }

    private bool IsSymbol(string symbol) => Current.Kind == TokenKind.Symbol && Current.Text == symbol;

    private TemplateException Error(string message) =>
        new($"template: :{TemplateLexer.Line(text, Math.Min(position, text.Length))}: {message}", isSyntax: true);
}
