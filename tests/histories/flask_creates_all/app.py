"""A Flask application that makes its tables while it is loaded."""

import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
migrate = Migrate()


class Pot(db.Model):
    """Something that is thrown."""

    id = db.Column(db.Integer, primary_key=True)
    glaze = db.Column(db.Text)


def create_app() -> Flask:
    """The application, as `flask --app app` makes it."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db.init_app(app)
    migrate.init_app(app, db, compare_type=True)
    with app.app_context():
        db.create_all()
    return app
